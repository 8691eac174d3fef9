// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/llm/agent.hpp>
#include <catena/testing/recording_sink.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/describe/class.hpp>

#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
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

// [agent]
struct place {
  std::string city; std::optional<int> day;
  static constexpr llm::field_note field_notes[] = {{"day", "how many days from today; null: today"}};
};
BOOST_DESCRIBE_STRUCT(place, (), (city, day))
struct weather { std::string sky; int degrees; };
BOOST_DESCRIBE_STRUCT(weather, (), (sky, degrees))

auto make_helper(const llm::chat_model& chat, auto look_up) {   // awaitable<weather>(call, place)
  const std::vector<llm::agent_tool> tools{
      llm::tool<place>("weather", "The weather at a place", stage("weather", look_up).timeout(2s)),
      llm::tool<place>("greet", "How one greets there", [](const place& p) { return "Moin, " + p.city; })};
  const llm::agent helper(chat, tools, {.most_rounds = 4, .most_tokens = 20000, .most_time = 30s});
  return make_chain<std::string>(chat.get_runtime(), "help", [&](auto in) { return in >> stage("help", helper); });
}
// [/agent]

std::string tool_call_text(const std::string& name, const std::string& arguments, const std::string& id = "") {
  return R"({"id":)" + test::quoted(id) + R"(,"type":"function","function":{"name":)" + test::quoted(name) + R"(,"arguments":)" + test::quoted(arguments) + "}}";
}

/// A model that answers by calls, or by text where what it says is no list of them.
struct agent_world : chat_world {
  explicit agent_world(const std::vector<std::string>& rounds, const std::string& why = "tool_calls") {
    test::script s;
    for (const std::string& r : rounds) {
      const bool calls = r.starts_with("{");
      const std::string m = calls ? R"({"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[)" + r + "]}"
                                  : R"({"role":"assistant","content":)" + test::quoted(r) + "}";
      s.push_back(test::await_request{});
      s.push_back(test::send{ok(completion(m, R"("usage":{"prompt_tokens":100,"completion_tokens":10})", calls ? why : "stop"))});
    }
    s.push_back(test::await_request{});
    s.push_back(test::stall{});
    server->next(std::move(s));
  }
  [[nodiscard]] auto slow_weather(duration takes = 1s) {
    return [this, takes](call, place p) -> asio::awaitable<weather> {
      ++begun;
      co_await rt->async_wait_until(rt->now() + takes, asio::use_awaitable);
      ++ended;
      if (p.city == "Atlantis") throw error(failure(errc::unavailable, "nobody is there"));
      weather w{"clear", 20};
      co_return w;
    };
  }
  result<llm::answer> help(run_options how = {}) { return run(make_helper(model(), slow_weather()), std::string("How is it?"), how); }
  [[nodiscard]] std::string asked(std::size_t round) const { return server->requests().at(round); }

  int begun = 0;
  int ended = 0;
};

}  // namespace

TEST_CASE("an agent runs the tools that its model calls, all of a round at once, until the model has an answer") {
  agent_world w({tool_call_text("weather", R"({"city":"Kiel","day":null})", "a") + "," + tool_call_text("weather", R"({"city":"Rom","day":1})", "b") + "," +
                     tool_call_text("greet", R"({"city":"Kiel"})", "c"),
                 "It is clear."});
  const time_point began = w.rt->now();
  const result<llm::answer> end = w.help();
  REQUIRE(end.has_value());
  CHECK(end->text() == "It is clear.");
  CHECK(end->usage == llm::token_usage{.input = 200, .output = 20});
  CHECK(end->cost > llm::money{});
  CHECK(end->took == 1s);
  CHECK(w.rt->now() - began == 1s);
  CHECK_THAT(w.asked(0), ContainsSubstring(R"("tools":[{"type":"function","function":{"name":"weather","description":"The weather at a place","parameters":)"
                                           R"({"type":"object","properties":{"city":{"type":"string"},"day":{"anyOf":[{"type":"integer"},{"type":"null"}],)"
                                           R"("description":"how many days from today; null: today"}})"));
  CHECK_THAT(w.asked(1), ContainsSubstring(R"("reasoning_content":"hm")") &&
                             ContainsSubstring(R"({"role":"tool","content":"{\"sky\":\"clear\",\"degrees\":20}","tool_call_id":"a"},)"
                                               R"({"role":"tool","content":"{\"sky\":\"clear\",\"degrees\":20}","tool_call_id":"b"},)"
                                               R"({"role":"tool","content":"Moin, Kiel","tool_call_id":"c"}])"));
}

TEST_CASE("what goes wrong with a tool is told to the model, which may do better") {
  agent_world w({tool_call_text("weather", R"({"city":7})") + "," + tool_call_text("oracle", "{}") + "," + tool_call_text("weather", R"({"city":"Atlantis"})") + "," +
                     tool_call_text("greet", ""),
                 "Sorry."});
  CHECK(w.help()->text() == "Sorry.");
  CHECK(w.begun == 1);
  CHECK_THAT(w.asked(1), ContainsSubstring(R"("role":"tool","content":"error: invalid input: the arguments are not right: /city: a text is expected and not a number","tool_call_id":"call_1_1")") &&
                             ContainsSubstring("there is no such tool; there are: greet, weather") && ContainsSubstring("error: unavailable: nobody is there") &&
                             ContainsSubstring("/city: a text is expected and missing"));
}

TEST_CASE("an agent tells all that was said, so that the conversation can go on") {
  agent_world w({tool_call_text("greet", R"({"city":"Kiel"})", "a"), "Moin."});
  const llm::agent helper(w.model(), {llm::tool<place>("greet", "", [](const place& p) { return "Moin, " + p.city; })}, {.most_result_bytes = 7});
  const result<llm::agent_result> end = w.await(helper.run(run_options{}, {llm::message::user("Greet!")}));
  REQUIRE(end.has_value());
  CHECK(end->rounds == 2);
  REQUIRE(end->added.size() == 3);
  CHECK(end->added[0].tool_calls.at(0).name == "greet");
  CHECK(end->added[1] == llm::message::tool("a", "Moin, K\n(cut off here: 7 of 10 bytes)"));
  CHECK(end->added[2].content == "Moin.");
}

TEST_CASE("a coroutine asks an agent as it is natural to write") {
  agent_world w({tool_call_text("greet", R"({"city":"Kiel"})"), "One.", "Two.", "Three."});
  const llm::agent helper(w.model(), {llm::tool<place>("greet", "", [](const place& p) { return p.city; })});
  auto ask = [&](call c, const std::string& text) -> asio::awaitable<std::string> {
    const llm::answer first = co_await helper(c, "Please: " + text);
    llm::messages said{llm::message::user(text), first.message, llm::message::user("And?")};
    said.push_back((co_await helper.run(c, said)).answer.message);
    co_return first.text() + said.back().content + (co_await helper(c, said)).text();
  };
  CHECK(w.run(make_chain<std::string>(*w.rt, "ask", [&](auto in) { return in >> stage("ask", ask); }), std::string("greet")).value() == "One.Two.Three.");
}

TEST_CASE("an agent ends at its limits, and says which") {
  const std::string call = tool_call_text("greet", R"({"city":"secret"})");
  const auto fails = [](agent_world& w, const llm::agent_options& o) {
    const llm::agent helper(w.model(), {llm::tool<place>("greet", "", [](const place& p) { return p.city; })}, o);
    return w.await(helper.run(run_options{}, {llm::message::user("Greet!")})).error();
  };
  agent_world w({call, call, call, "too late"});
  SECTION("rounds") {
    const failure why = fails(w, {.most_rounds = 2});
    CHECK(why.is(errc::budget_exceeded));
    CHECK(why.message() == "agent: most_rounds is 2, and the model wants to call tools, in round 2");
    CHECK(w.server->requests().size() == 2);
  }
  SECTION("tokens") { CHECK(fails(w, {.most_tokens = 200}).message() == "agent: most_tokens is 200, it took 220, and the model wants to call tools, in round 2"); }
  SECTION("money") {
    const failure why = fails(w, {.most_money = llm::money{1}});
    CHECK(why.is(errc::budget_exceeded));
    CHECK_THAT(why.message(), ContainsSubstring("agent: most_money is 0.000000001, it took ") && ContainsSubstring("in round 1"));
  }
  SECTION("time") {
    agent_world slow({});
    const failure why = fails(slow, {.name = "helper", .most_time = 3s});
    CHECK(why.is(errc::timed_out));
    CHECK(why.message() == "helper: most_time is 3000 ms");
  }
  SECTION("what a model may say") {
    agent_world cut({call}, "length");
    CHECK(fails(cut, {}).message() == "agent: the model had to stop within a call of a tool, because of: length");
  }
}

TEST_CASE("an agent's tools belong to its run: they end with it, and its time is theirs") {
  agent_world w({tool_call_text("weather", R"({"city":"Kiel"})"), "too late"});
  run_options how;
  how.deadline = w.rt->now() + 500ms;
  CHECK(w.help(how).error().is(errc::deadline_exceeded));
  CHECK(w.begun == 1);
  CHECK(w.ended == 0);
  CHECK(w.server->requests().size() == 1);
}

TEST_CASE("every call of a tool is a run of its own, and a part of the agent's") {
  agent_world w({tool_call_text("weather", R"({"city":"Kiel"})") + "," + tool_call_text("greet", R"({"city":"Rom"})"), "So it is."});
  const auto seen = std::make_shared<testing::recording_sink>();
  const runtime rt = w.world.runtime({.observer = seen});
  run_options how;
  how.id = 4711;
  CHECK(w.run(make_helper(llm::chat_model(rt, w.options()), w.slow_weather()), std::string("How is it?"), how).has_value());
  std::set<std::string> chains;
  for (const testing::recorded_run& r : seen->records()) {
    CHECK(r.id == 4711);
    chains.insert(r.chain);
  }
  CHECK(chains == std::set<std::string>{"agent", "greet", "help", "tool", "weather"});
}

TEST_CASE("a tool may be a chain and answer nothing, and a model that has to call one has to do so once") {
  agent_world w({tool_call_text("note", R"({"city":"Kiel"})"), "Noted."});
  std::string noted;
  const auto note = make_chain<place>(*w.rt, "note", [&](auto in) { return in >> stage("keep", [&](const place& p) { noted = p.city; }); });
  llm::chat_options o = w.options();
  o.provider = llm::openai();
  o.model = "m";
  o.settings.tools = {{"old", "", "{}"}};
  o.settings.tool_choice = llm::tool_choice::required;
  const llm::agent helper(llm::chat_model(*w.rt, o), {llm::tool<place>("note", "", note)});
  CHECK(w.await(helper.run(run_options{}, {llm::message::user("Note!")})).has_value());
  CHECK(noted == "Kiel");
  CHECK_THAT(w.asked(0), ContainsSubstring(R"("tool_choice":"required")") && !ContainsSubstring(R"("old")"));
  CHECK_THAT(w.asked(1), !ContainsSubstring("tool_choice") && ContainsSubstring(R"({"role":"tool","content":"done")"));
}

TEST_CASE("options of an agent that make no sense are refused, and so are tools of one name") {
  agent_world w({});
  const auto one = [] { return llm::tool<place>("greet", "", [](const place& p) { return p.city; }); };
  CHECK_THROWS_AS(llm::agent(w.model(), {}, {.most_rounds = 0}), std::invalid_argument);
  CHECK_THROWS_AS(llm::agent(w.model(), {one(), one()}), std::invalid_argument);
}
