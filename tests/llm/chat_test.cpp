// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/llm/chat_model.hpp>
#include <catena/observe/metric_set.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "llm/support/chat_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
namespace asio = boost::asio;
using Catch::Matchers::ContainsSubstring;
using test::chat_world;

namespace {

// [chat]
auto make_ask_chain(const runtime& rt, const llm::chat_model& spare) {
  const llm::budget allowance(rt, {.per_run = {.tokens = 50'000}, .per_tenant = {.cost = llm::money::of(5)}, .total = {.cost = llm::money::of(200)}});
  const llm::chat_model chat(rt, {.model = "deepseek-flash", .settings = {.max_tokens = 500}, .budget = allowance});   // the key: DEEPSEEK_API_KEY
  return make_chain<std::string>(rt, "ask", [&](auto in) {
    return in >> stage("ask", chat).timeout(20s).retry({.retries = 3}).fallback(spare) >> stage("read", [](const llm::answer& a) { return a.text(); });
  });
}
// [/chat]

}  // namespace

TEST_CASE("a chain that asks DeepSeek within a budget is built with nothing but a key") {
  chat_world w;
  ::setenv("DEEPSEEK_API_KEY", "sk-secret", 1);
  CHECK_THAT(make_ask_chain(*w.rt, w.model()).describe().json(), ContainsSubstring("ask"));
}

TEST_CASE("a chain asks a model, and gets its answer with what it took") {
  chat_world w;
  w.answers("forty-two", R"("usage": {"prompt_tokens": 1000, "prompt_cache_hit_tokens": 900, "completion_tokens": 20, "new_field": 7}, "system_fingerprint": "fp")");
  const llm::chat_model chat = w.model();
  auto chain = make_chain<std::string>(*w.rt, "ask", [&](auto in) { return in >> stage("ask", chat); });
  const result<llm::answer> end = w.run(chain, std::string("what is six by nine?"));
  REQUIRE(end.has_value());
  CHECK(end->text() == "forty-two");
  CHECK(end->finish == llm::finish::stop);
  CHECK(end->usage == llm::token_usage{.input = 1000, .cached_input = 900, .output = 20});
  CHECK(end->cost > llm::money{});
  CHECK(chat.stats().answered == 1);
  CHECK(chat.stats().failed == 0);
  CHECK(chat.stats().cost == end->cost);
  CHECK(chat.stats().hit_share() == 0.9);
  const metric_set measured = w.rt->metrics();
  CHECK(measured.value("catena_llm_calls", R"(model="deepseek-flash",outcome="answered")") == 1);
  CHECK(measured.value("catena_llm_tokens", R"(model="deepseek-flash",kind="cached_input")") == 900);
  CHECK_THAT(end->extra, ContainsSubstring("new_field") && ContainsSubstring("fp"));
  const std::string asked = w.server->requests().at(0);
  CHECK_THAT(asked, ContainsSubstring("POST /chat/completions HTTP/1.1") && ContainsSubstring("Authorization: Bearer sk-secret") &&
                        ContainsSubstring(R"("messages":[{"role":"user","content":"what is six by nine?"}])") && ContainsSubstring(R"("model":"deepseek-flash")") &&
                        ContainsSubstring(R"("thinking":{"type":"disabled"})"));
}

TEST_CASE("an answer that goes on with a message is what comes behind it, also of a server that repeats the message in front of it") {
  chat_world w;
  llm::chat_options o = w.options();
  o.provider = llm::llama_server();
  o.model = "m";
  SECTION("it is repeated") { w.answers("1, 2, 3"); }
  SECTION("it is not") { w.answers(" 3"); }
  const llm::chat_model chat(*w.rt, o);
  CHECK(w.await(chat.ask({}, {llm::message::user("count"), llm::message::assistant("1, 2,")}))->text() == " 3");
}

TEST_CASE("llama.cpp's server closes a connection behind a streamed answer, though it does not say so: nothing else is asked through it") {
  chat_world w;
  llm::chat_options o = w.options();
  o.provider = llm::llama_server();
  o.model = "m";
  const llm::chat_model chat(*w.rt, o);
  w.streams({"a"}, 1ms);
  w.answers("b");
  CHECK(w.await(w.await(chat.open({}, {llm::message::user("?")}))->rest())->text() == "a");
  CHECK(w.await(chat.ask({}, {llm::message::user("?")}))->text() == "b");
  CHECK(w.server->connection_count() == 2);
}

TEST_CASE("an answer is streamed through a chain, piece by piece or by sentence") {
  chat_world w;
  const llm::chat_model chat = w.model();
  w.streams({"One. T", "wo! Three", " point 5. Fo", "ur"}, 100ms);
  auto chain = make_chain<std::string>(*w.rt, "ask", [&](auto in) { return in >> stage("ask", chat.streamed<std::string>()); });
  SECTION("pieces") {
    auto reading = w.run(chain, std::string("count"));
    REQUIRE(reading.has_value());
    std::vector<std::string> pieces;
    std::shared_ptr<const llm::answer> whole;
    for (const llm::answer_piece& p : w.read(*std::move(reading))) {
      if (p.whole) whole = p.whole;
      else pieces.push_back(p.text);
    }
    CHECK(pieces == std::vector<std::string>{"One. T", "wo! Three", " point 5. Fo", "ur"});
    REQUIRE(whole);
    CHECK(whole->text() == "One. Two! Three point 5. Four");
    CHECK(whole->usage == llm::token_usage{.input = 5, .output = 4});
    CHECK(whole->first_token == 100ms);
    CHECK(whole->took == 400ms);
  }
  SECTION("sentences") {
    // [streamed]
    auto speak = [](stream<llm::answer_piece> from) -> asio::awaitable<std::string> {
      llm::sentence_reader sentences(std::move(from));
      std::string all;
      while (auto sentence = co_await sentences.next()) all += "[" + *sentence + "]";
      co_return all;
    };
    auto by_sentence = make_chain<std::string>(*w.rt, "speak", [&](auto in) {
      return in >> stage("ask", chat.streamed<std::string>()) >> stage("speak", speak);
    });
    // [/streamed]
    CHECK(w.run(by_sentence, std::string("count")).value() == "[One. ][Two! ][Three point 5. ][Four]");
  }
  SECTION("whole") {
    auto joined = make_chain<std::string>(*w.rt, "join", [&](auto in) { return in >> stage("ask", chat.streamed<std::string>()) >> stage("join", llm::whole); });
    CHECK(w.run(joined, std::string("count"))->text() == "One. Two! Three point 5. Four");
  }
  CHECK(w.server->connection_count() == 1);
}
