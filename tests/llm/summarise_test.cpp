// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/llm/summarise.hpp>

#include <boost/asio/awaitable.hpp>

#include <stdexcept>
#include <string>
#include <utility>

#include "llm/support/chat_world.hpp"

#include "support/catch.hpp"

using namespace catena;
namespace asio = boost::asio;
using Catch::Matchers::ContainsSubstring;
using test::chat_world;

namespace {

/// Over its budget by one turn, which is to be summarised.
llm::conversation full_conversation() {
  llm::conversation c({.budget_tokens = 1000, .system = "be brief", .old_turns = llm::old_turns::summarised});
  c.user("first " + std::string(2000, 'a')).value();
  llm::answer a;
  a.message.content = "well";
  c.answered(a);
  c.user("second " + std::string(2000, 'b')).value();
  return c;
}

/// Why there is no summary; empty: there is one, or none is needed.
asio::awaitable<std::string> end_of(asio::awaitable<result<void>> summary) {
  const result<void> end = co_await std::move(summary);
  co_return end ? std::string() : end.error().message();
}

}  // namespace

TEST_CASE("a coroutine talks with a model, and what the budget has no room for is summarised") {
  chat_world w;
  w.answers("1815, and the rest is quiet", R"("usage": {"prompt_tokens": 40, "completion_tokens": 9})");
  const llm::chat_model chat = w.model();
  // [conversation]
  auto say = [](const llm::chat_model& model, llm::conversation& with, std::string text) -> asio::awaitable<std::string> {
    with.user(std::move(text)).value();  // over the budget, the oldest turns go, until half of it is left; a summary comes in their place
    const result<void> summary = co_await llm::summarise(run_options{}, with, model);  // if it fails, none does
    const llm::answer a = co_await model.ask(run_options{}, with.to_send());
    with.answered(a);  // what the server has counted corrects the estimate
    co_return a.text();
  };
  llm::conversation talk({.budget_tokens = 8000, .answer_tokens = 1000, .system = "You are a historian.", .old_turns = llm::old_turns::summarised});
  auto reply = say(chat, talk, "When was Waterloo?");
  // [/conversation]
  CHECK(w.await(std::move(reply)).value() == "1815, and the rest is quiet");
  CHECK(talk.to_send().size() == 3);
  CHECK(talk.stats().used == llm::token_usage{.input = 40, .output = 9});
  CHECK(talk.size().likely == 40 + 9 + 4);
}

TEST_CASE("a model summarises what has gone out of a conversation, asked behind the prefix that it knows") {
  chat_world w;
  w.answers("they began", R"("usage": {"prompt_tokens": 800, "prompt_cache_hit_tokens": 768, "completion_tokens": 3})");
  const llm::chat_model chat = w.model();
  llm::conversation c = full_conversation();
  REQUIRE(c.to_summarise().size() == 2);
  CHECK(w.await(end_of(llm::summarise(run_options{}, c, chat))).value().empty());
  CHECK(c.summary() == "they began");
  CHECK(c.to_send().size() == 3);
  CHECK(c.stats().used.cached_input == 768);
  CHECK(c.stats().cost > llm::money{});
  CHECK_THAT(w.server->requests().at(0), ContainsSubstring(R"("messages":[{"role":"system","content":"be brief"},{"role":"user","content":"first aaa)"));
  CHECK(w.await(end_of(llm::summarise(run_options{}, c, chat))).value().empty());  // there is nothing more, and nobody is asked
  CHECK(w.server->requests().size() == 1);
}

TEST_CASE("a stage of a chain summarises by whichever callable; what fails drops the turns, and says why") {
  chat_world w;
  llm::conversation c = full_conversation();
  const llm::messages left = c.to_send();
  std::string mode;
  auto ask = [&mode](call, const llm::messages& asked) -> asio::awaitable<llm::answer> {
    if (mode == "throws") throw std::runtime_error("no model today");
    llm::answer a;
    if (mode == "answers") a.message.content = "of " + std::to_string(asked.size());
    co_return a;
  };
  auto chain = make_chain<std::string>(*w.rt, "sum up", [&](auto in) {
    auto sum_up = [&](call within, std::string how) -> asio::awaitable<std::string> {
      mode = std::move(how);
      const std::string why = co_await end_of(llm::summarise(within, c, ask));
      co_return why.empty() ? c.summary() : why;
    };
    return in >> stage("sum up", sum_up);
  });
  SECTION("it answers") {
    CHECK(w.run(chain, std::string("answers")).value() == "of 4");
    CHECK(c.stats().lost_summaries == 0);
  }
  SECTION("it throws") {
    CHECK_THAT(w.run(chain, std::string("throws")).value(), ContainsSubstring("no model today"));
    CHECK(c.to_send() == left);
    CHECK(c.to_summarise().empty());
    CHECK(c.stats().lost_summaries == 1);
  }
  SECTION("it says nothing") {
    CHECK_THAT(w.run(chain, std::string("is silent")).value(), ContainsSubstring("empty"));
    CHECK(c.to_send() == left);
    CHECK(c.stats().lost_summaries == 1);
  }
}

TEST_CASE("a summary that is cancelled is waited for still") {
  chat_world w;
  llm::conversation c = full_conversation();
  auto ask = [](call, const llm::messages&) -> asio::awaitable<llm::answer> {
    throw error(errc::cancelled);
    co_return llm::answer();
  };
  auto chain = make_chain<int>(*w.rt, "sum up", [&](auto in) {
    auto sum_up = [&](call within, int) -> asio::awaitable<int> {
      const std::string why = co_await end_of(llm::summarise(within, c, ask));
      co_return static_cast<int>(why.size());
    };
    return in >> stage("sum up", sum_up);
  });
  CHECK(w.run(chain, 1).error().is(errc::cancelled));
  CHECK(c.to_summarise().size() == 2);
  CHECK(c.stats().lost_summaries == 0);
}
