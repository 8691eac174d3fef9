// SPDX-License-Identifier: BSL-1.0
// Talks with DeepSeek in a terminal, or with whoever else speaks the protocol: --help says how. Answers are shown as they are written,
// Ctrl-C stops one, and the conversation stays within a budget of tokens.
#include <catena/llm/chat_model.hpp>
#include <catena/llm/conversation.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace llm = catena::llm;

constexpr std::string_view usage = R"(deepseek_chat [--provider NAME] [--url URL] [--key VARIABLE] [--model NAME] [--system TEXT] [--tokens N]

  --provider  deepseek (which is usual), openai, llama_server, vllm, generic: what the server can do
  --url       where it is, as in http://localhost:8080/v1; only https, but on this machine
  --key       the environment variable that holds the key; where --url is not the provider's, its own is not told
  --model     as in deepseek-v4-pro
  --system    what the model is told before all else
  --tokens    how long the conversation may be before its oldest turns are forgotten, 16000 unless said otherwise

Unless --key says otherwise the key is in DEEPSEEK_API_KEY or OPENAI_API_KEY; the others need none.

Within the conversation: /undo takes back the last question with its answer, /cost tells what was taken so far, /quit ends.
)";

constexpr int unusable = 2;

struct options {
  llm::chat_options chat;
  llm::conversation_options talk;
};

options parse(int argc, char** argv) {
  options o;
  o.chat.settings.max_tokens = 4000;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (i + 1 == argc) throw std::invalid_argument(name + " is unknown, or its value is missing; try --help");
    const std::string value = argv[++i];
    if (name == "--provider") {
      const llm::provider* found = llm::find_provider(value);
      if (!found) throw std::invalid_argument("--provider is deepseek, openai, llama_server, vllm or generic, not " + value);
      o.chat.provider = *found;
    } else if (name == "--url") {
      o.chat.base_url = value;
    } else if (name == "--key") {
      o.chat.key_variable = value;
    } else if (name == "--model") {
      o.chat.model = value;
    } else if (name == "--system") {
      o.talk.system = value;
    } else if (name == "--tokens") {
      o.talk.budget_tokens = std::atoll(value.c_str());
    } else {
      throw std::invalid_argument(name + " is unknown; try --help");
    }
  }
  if (o.chat.model.empty() && o.chat.provider.model.empty()) o.chat.model = "default";  // servers of one model take any name
  o.talk.answer_tokens = std::min<std::int64_t>(o.chat.settings.max_tokens, o.talk.budget_tokens / 2);
  return o;
}

asio::awaitable<void> show_answer(const llm::chat_model& chat, llm::conversation& talk) {
  llm::answer_stream from = co_await chat.open({}, talk.to_send());
  while (std::optional<llm::answer_piece> piece = co_await from.next()) {
    std::cout << piece->text << std::flush;
    if (piece->whole) talk.answered(*piece->whole);
  }
}

/// False: there is no answer, and why has been said.
bool answer(asio::io_context& io, const llm::chat_model& chat, llm::conversation& talk) {
  asio::cancellation_signal stop;
  asio::signal_set interrupts(io, SIGINT);
  interrupts.async_wait([&](boost::system::error_code code, int) {
    if (!code) stop.emit(asio::cancellation_type::terminal);
  });
  std::exception_ptr why;
  asio::co_spawn(io, show_answer(chat, talk), asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr e) {
                   why = e;
                   interrupts.cancel();
                 }));
  io.restart();
  io.run();
  std::cout << "\n";
  if (!why) return true;
  try {
    std::rethrow_exception(why);
  } catch (const std::exception& e) {
    std::cerr << "no answer: " << catena::failure::from(why).to_string() << "\n";
  }
  return false;
}

void show_cost(const llm::conversation& talk) {
  const llm::conversation_stats& s = talk.stats();
  std::cout << s.answers << " answers; read " << s.used.input << " tokens, of which the server knew " << static_cast<int>(100 * s.hit_share()) << " %; wrote "
            << s.used.output << "; cost " << s.cost.to_string() << "\n";
}

void converse(asio::io_context& io, const llm::chat_model& chat, llm::conversation talk) {
  for (std::string line; std::cout << "> " << std::flush && std::getline(std::cin, line);) {
    if (line == "/quit") break;
    if (line == "/cost") {
      show_cost(talk);
    } else if (line == "/undo") {
      std::cout << (talk.undo().empty() ? "there is nothing to take back\n" : "taken back\n");
    } else if (line.starts_with('/')) {
      std::cout << "/undo, /cost and /quit are known\n";
    } else if (!line.empty()) {
      if (const catena::result<void> said = talk.user(line); !said) std::cerr << said.error().message() << "\n";
      else if (!answer(io, chat, talk)) talk.undo();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && (argv[1] == std::string_view("--help") || argv[1] == std::string_view("-h"))) {
    std::cout << usage;
    return 0;
  }
  try {
    options o = parse(argc, argv);
    asio::io_context io(1);
    const catena::runtime rt(io.get_executor());
    const llm::chat_model chat(rt, std::move(o.chat));
    converse(io, chat, llm::conversation(std::move(o.talk)));
  } catch (const std::exception& e) {
    std::cerr << "deepseek_chat: " << e.what() << "\n";
    return unusable;
  }
}
