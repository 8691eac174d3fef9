// SPDX-License-Identifier: BSL-1.0
// Answers questions about local texts, with citations: --help says how. A chain finds the passages by a TorchScript model, has a language
// model write from them, and checks what it cites; where that one is away it quotes.
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "legal_document/memory.hpp"
#include "legal_document/options.hpp"
#include "legal_document/stage_clock.hpp"
#include "legal_document/text.hpp"
#include "question_answering/answer_chain.hpp"

namespace {

constexpr std::string_view usage = R"(question_answering [OPTION]... FOLDER_OR_FILE...

Answers questions about texts, and cites the passages. It reads questions from
standard input, a line each; /sources lists the texts, /quit ends.

  FOLDER_OR_FILE     plain text in UTF-8, 50 MB in all; of a folder, *.txt and
                     *.md in it and below

      --question TEXT answer this one and exit
      --llm URL      the language model that writes, as in
                     http://localhost:8080/v1; none: answers are quotations.
                     Default: DeepSeek's
      --model NAME   the model's name, where the server has several
      --provider NAME  deepseek, openai, llama_server, vllm or generic: what
                     the server can do, and which key it wants. Default: whose
                     URL it is, else generic
      --mermaid      print the chain as a Mermaid diagram and exit
  -h, --help         print this text and exit

Keys are in environment variables: DEEPSEEK_API_KEY, OPENAI_API_KEY; the other
providers need none. Where the model is late or away, the answer consists of the
passages that fit best, and says so.

Exit status: 0 all was answered; 1 a run failed; 2 the command line, a text or
the key cannot be used.
)";

constexpr int run_failed = 1;
constexpr int unusable = 2;

struct options {
  std::vector<std::filesystem::path> from;
  std::optional<std::string> question;
  std::optional<legal::endpoint> model = legal::endpoint{.provider = "deepseek"};
  bool mermaid = false;
};

options parse(int argc, char** argv) {
  options o;
  std::string url, provider;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (!name.starts_with('-')) {
      o.from.emplace_back(name);
      continue;
    }
    if (name == "--mermaid") {
      o.mermaid = true;
      continue;
    }
    if (name != "--llm" && name != "--model" && name != "--provider" && name != "--question")
      throw legal::usage_error("unknown option '" + name + "'");
    if (i + 1 == argc || *argv[i + 1] == '\0') throw legal::usage_error(name + " needs a value that is not empty");
    const std::string value = argv[++i];
    if (name == "--llm") url = value;
    else if (name == "--model") o.model->model = value;
    else if (name == "--provider") provider = value;
    else o.question = value;
  }
  if (o.from.empty()) throw legal::usage_error("a FOLDER_OR_FILE to answer from is needed");
  if (!url.empty() || !provider.empty()) o.model->provider = provider;
  o.model->url = url;
  if (url == "none") o.model.reset();
  return o;
}

using answer_chain = catena::chain<std::string, qa::reply>;

int answer_one(const answer_chain& chain, const std::string& line, legal::stage_clock& times) {
  const catena::result<qa::reply> made = chain.async_run(line, boost::asio::use_future).get();
  if (!made) std::fprintf(stderr, "question_answering: %s\n", made.error().to_string().c_str());
  else std::cout << qa::to_text(*made) << std::flush;
  if (const std::string why = times.take_last_failure(); made && !why.empty()) std::fprintf(stderr, "question_answering: %s\n", why.c_str());
  return made ? 0 : run_failed;
}

int run(const options& of) {
  boost::asio::thread_pool pool(2);
  const auto times = std::make_shared<legal::stage_clock>();
  const catena::runtime rt(pool.get_executor(), {.compute_thread_count = 1, .observer = times});
  const auto texts = std::make_shared<const qa::library>(qa::read_library(of.from));
  const answer_chain chain = qa::make_answer_chain(rt, texts, of.model);
  if (of.mermaid) {
    std::cout << chain.describe().mermaid();
    return 0;
  }
  if (of.question) return answer_one(chain, *of.question, *times);
  std::cerr << texts->files.size() << " texts, " << texts->passages.size() << " passages, " << texts->definitions.size() << " definitions\n";
  int status = 0;
  for (std::string line; std::cout << "> " << std::flush && std::getline(std::cin, line) && line != "/quit";)
    if (!line.empty()) status = std::max(status, answer_one(chain, line, *times));
  std::cout << "\n";
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  legal::keep_memory_bounded();
  if (argc > 1 && (argv[1] == std::string_view("--help") || argv[1] == std::string_view("-h"))) {
    std::cout << usage;
    return 0;
  }
  try {
    return run(parse(argc, argv));
  } catch (const legal::usage_error& e) {
    std::fprintf(stderr, "question_answering: %s\nTry: question_answering --help, or --llm none for quotations\n", e.what());
    return unusable;
  } catch (const legal::input_error& e) {
    std::fprintf(stderr, "question_answering: %s\n", e.what());
    return unusable;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "question_answering: %s\n", e.what());
    return run_failed;
  }
}
