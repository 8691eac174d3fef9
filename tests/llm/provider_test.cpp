// SPDX-License-Identifier: BSL-1.0
// What goes out: one table, a row for each thing that providers want said in their own way.
#include <catena/llm/price.hpp>
#include <catena/llm/provider.hpp>
#include <catena/llm/refusal_limit.hpp>

#include "src/llm/request_body.hpp"

#include <chrono>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using llm::money;
using nlohmann::json;

namespace {

struct asked_row {
  const char* what;
  const llm::provider& who;
  llm::chat_settings how;
  llm::messages asked;
  const char* json_pointer;  ///< of the request
  const char* value;         ///< there, as JSON; "absent"
};

const llm::messages hello{llm::message::user("hello")};

llm::messages after_a_tool() {
  llm::message called = llm::message::assistant("");
  called.reasoning = "I must look";
  called.tool_calls = {{"1", "look", "{}"}};
  llm::message thought = llm::message::assistant("so it is");
  thought.reasoning = "easy";
  return {llm::message::user("?"), called, llm::message::tool("1", "it is so"), thought, llm::message::user("sure?")};
}

/// One call is broken off, one has no arguments, and one is right.
llm::messages after_broken_calls() {
  llm::message called = llm::message::assistant("");
  called.tool_calls = {{"1", "look", R"({"at": "the)"}, {"2", "look", ""}, {"3", "look", R"( {"at": "sea"})"}};
  return {llm::message::user("?"), called, llm::message::tool("1", "error"), llm::message::tool("2", "error"), llm::message::tool("3", "blue")};
}

std::string fault_of(const llm::chat_settings& how, const llm::provider& who) {
  try {
    check(how, who);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "none";
}

llm::wall_time at(std::chrono::sys_days day, std::chrono::minutes minute) { return day + minute; }

}  // namespace

TEST_CASE("each provider is asked as it wants to be asked") {
  const llm::tool_spec look{"look", "looks", R"({"type":"object"})"};
  const llm::reply_format any{.mode = llm::json_mode::schema, .schema = R"({"type":"object"})"};
  const llm::messages begun{llm::message::user("count"), llm::message::assistant("1, 2,")};
  const llm::messages says_json{llm::message::user("answer in JSON")};
  const std::vector<asked_row> rows{
      {"DeepSeek is told not to think", llm::deepseek(), {}, hello, "/thinking/type", R"("disabled")"},
      {"and to think", llm::deepseek(), {.thinking = llm::thinking::most}, hello, "/thinking/type", R"("enabled")"},
      {"how much", llm::deepseek(), {.thinking = llm::thinking::most}, hello, "/reasoning_effort", R"("max")"},
      {"where it thinks it has no temperature", llm::deepseek(), {.temperature = 0.5, .thinking = llm::thinking::low}, hello, "/temperature", "absent"},
      {"where it does not it has", llm::deepseek(), {.temperature = 0.5}, hello, "/temperature", "0.5"},
      {"its JSON has no schema", llm::deepseek(), {.format = any}, says_json, "/response_format", R"({"type":"json_object"})"},
      {"its users are told apart", llm::deepseek(), {.user = "u7"}, hello, "/user_id", R"("u7")"},
      {"it wants back what it thought before it called tools", llm::deepseek(), {}, after_a_tool(), "/messages/1/reasoning_content", R"("I must look")"},
      {"and nothing else that it thought", llm::deepseek(), {}, after_a_tool(), "/messages/3/reasoning_content", "absent"},
      {"it goes on where it is told to", llm::deepseek(), {}, begun, "/messages/1/prefix", "true"},
      {"OpenAI is told a schema", llm::openai(), {.format = any}, hello, "/response_format/json_schema/schema", R"({"type":"object"})"},
      {"it calls lengths otherwise", llm::openai(), {.max_tokens = 9}, hello, "/max_completion_tokens", "9"},
      {"it is told to call a tool", llm::openai(), {.tools = {look}, .tool_choice = llm::tool_choice::required}, hello, "/tool_choice", R"("required")"},
      {"what others thought is not for it", llm::openai(), {}, after_a_tool(), "/messages/1/reasoning_content", "absent"},
      {"a tool is a function", llm::openai(), {.tools = {look}}, hello, "/tools/0/function/name", R"("look")"},
      {"a call is known by its id", llm::openai(), {}, after_a_tool(), "/messages/2/tool_call_id", R"("1")"},
      {"llama.cpp's template is told not to think", llm::llama_server(), {}, hello, "/chat_template_kwargs/enable_thinking", "false"},
      {"it reads the arguments of calls, and cannot read those that a model broke off", llm::llama_server(), {}, after_broken_calls(),
       "/messages/1/tool_calls/0/function/arguments", R"("{}")"},
      {"nor those that are not there", llm::llama_server(), {}, after_broken_calls(), "/messages/1/tool_calls/1/function/arguments", R"("{}")"},
      {"what it can read is as the model wrote it", llm::llama_server(), {}, after_broken_calls(), "/messages/1/tool_calls/2/function/arguments",
       R"(" {\"at\": \"sea\"}")"},
      {"llama.cpp goes on by itself", llm::llama_server(), {}, begun, "/continue_final_message", "absent"},
      {"vLLM is told to go on", llm::vllm(), {}, begun, "/continue_final_message", "true"},
      {"of who is unknown nothing is asked", llm::generic(), {.format = any, .user = "u7"}, hello, "/response_format", "absent"},
      {"and nothing told", llm::generic(), {.user = "u7"}, hello, "/user", "absent"},
      {"what only one server has goes before all else", llm::generic(), {.temperature = 0.5, .extra = R"({"temperature":0.7,"min_p":0.1})"}, hello, "/temperature", "0.7"},
  };
  for (const asked_row& row : rows) {
    CAPTURE(row.what);
    const auto request = llm::request_of(row.who, "m", row.how, row.asked, llm::delivery::whole);
    REQUIRE(request.has_value());
    const json body = json::parse(request->body);
    const json::json_pointer where(row.json_pointer);
    CHECK((body.contains(where) ? body[where].dump() : "absent") == row.value);
  }
  CHECK(llm::request_of(llm::deepseek(), "m", {}, begun, llm::delivery::whole)->path == "beta/chat/completions");
  CHECK(llm::request_of(llm::deepseek(), "m", {}, hello, llm::delivery::streamed)->body.find(R"("stream_options":{"include_usage":true})") != std::string::npos);
}

TEST_CASE("what a provider would refuse is not asked") {
  const llm::messages begun{llm::message::user("count"), llm::message::assistant("1, 2,")};
  const auto why = [](const llm::provider& who, const llm::chat_settings& how, const llm::messages& asked) {
    const auto request = llm::request_of(who, "m", how, asked, llm::delivery::whole);
    return request ? std::string("none") : request.error().to_string();
  };
  CHECK_THAT(why(llm::deepseek(), {.format = {.mode = llm::json_mode::object}}, hello), ContainsSubstring("the word JSON") && ContainsSubstring("invalid input"));
  CHECK_THAT(why(llm::openai(), {}, begun), ContainsSubstring("openai cannot go on with one"));
  CHECK_THAT(why(llm::openai(), {}, {}), ContainsSubstring("no message"));
  const llm::tool_spec look{"look", "looks", "{}"};
  CHECK_THAT(fault_of({.tools = {look}, .tool_choice = llm::tool_choice::required}, llm::deepseek()), ContainsSubstring("chat_settings::tool_choice: the provider 'deepseek'"));
  CHECK_THAT(fault_of({.thinking = llm::thinking::low}, llm::generic()), ContainsSubstring("thinking: the provider 'generic'"));
  CHECK_THAT(fault_of({.tools = {look, look}}, llm::openai()), ContainsSubstring("'look' is there twice"));
  CHECK_THAT(fault_of({.tools = {{"no name", "", "{}"}}}, llm::openai()), ContainsSubstring("letters, digits"));
  CHECK_THAT(fault_of({.temperature = 3}, llm::openai()), ContainsSubstring("temperature must be 0 to 2"));
  CHECK_THAT(fault_of({.extra = "[]"}, llm::openai()), ContainsSubstring("extra must be a JSON object"));
  CHECK_THAT(fault_of({.extra = R"({"n":8})"}, llm::openai()), ContainsSubstring("extra: 'n' is said by other options"));
  CHECK(llm::find_provider("vllm") == &llm::vllm());
  CHECK(llm::find_provider("nobody") == nullptr);
}

TEST_CASE("messages are the same after they were JSON, and what is no UTF-8 is replaced") {
  const llm::messages all = after_a_tool();
  CHECK(llm::messages_from_json(llm::to_json(all)).value() == all);
  const std::string odd = std::string("a\"\\\n\t\x01 \xE2\x9D\xA4", 10) + "\xFF\xC0\xAF\xED\xA0\x80";
  const json read = json::parse(llm::to_json({llm::message::user(odd)}));
  CHECK(read[0]["content"].get<std::string>().starts_with("a\"\\\n\t\x01 \xE2\x9D\xA4\xEF\xBF\xBD"));
  CHECK_THAT(llm::messages_from_json("{}").error().message(), ContainsSubstring("array of messages"));
  CHECK_THAT(llm::messages_from_json(R"([{"role":"user","content":"a"},{"role":"nobody"}])").error().message(), ContainsSubstring("/1/role: system, user"));
  CHECK_THAT(llm::messages_from_json(R"([{"role":"assistant","tool_calls":[{"id":"1","function":{"name":7}}]}])").error().message(),
             ContainsSubstring("/0/tool_calls/0/function/name"));
}

TEST_CASE("a price holds by the hour, and is rounded up") {
  using namespace std::chrono;
  const llm::price_table& prices = llm::deepseek().prices;
  const sys_days monday = 2026y / November / 30;
  const auto output_at = [&](sys_days day, minutes minute) { return prices.at("deepseek-flash", at(day, minute)).output; };
  CHECK(output_at(monday, 1h) == money::of(1.2));
  CHECK(output_at(monday, 3h + 59min) == money::of(1.2));
  CHECK(output_at(monday, 4h) == money::of(0.6));
  CHECK(output_at(monday, 6h) == money::of(1.2));
  CHECK(output_at(monday - days(1), 1h) == money::of(0.6));
  CHECK(prices.most("deepseek-flash").output == money::of(1.2));
  CHECK(prices.at("nobody's", at(monday, 1h)) == llm::token_price{});

  const llm::token_price p{money::of(2), money::of(0.5), money::of(8)};
  CHECK(p.of({.input = 1'000'000, .cached_input = 400'000, .output = 1000}).to_string() == "1.408");
  CHECK(p.of({.output = 1}).nanos == 8000);
  CHECK(llm::token_price{.input = {1}}.of({.input = 1}).nanos == 1);
  CHECK(p.of({.input = std::numeric_limits<std::int64_t>::max()}).nanos == std::numeric_limits<std::int64_t>::max());
  CHECK(money::of(-0.25).to_string() == "-0.25");
  CHECK_THROWS_WITH(llm::price_table({{.model = "m", .periods = {{.from = 5min, .to = 5min}}}}), ContainsSubstring("a period of 'm'"));
  CHECK_THROWS_WITH(llm::price_table({{.model = "m"}, {.model = "m"}}), ContainsSubstring("'m' is there twice"));
}

TEST_CASE("a limit that goes by refusals forgets those of requests that were sent before it was lowered") {
  llm::refusal_limit limit({.least = 2, .most = 100, .first = 100});
  const time_point start{};
  const ended_request refused{.latency = 1s, .outcome = request_outcome::overloaded, .in_flight = 80};
  limit.ended(refused, start + 1s);
  CHECK(limit.limit() == 72);
  for (int i = 0; i < 50; ++i) limit.ended(refused, start + 1500ms);
  CHECK(limit.limit() == 72);
  for (int i = 0; i < 80; ++i) limit.ended({.latency = 9s, .in_flight = 72}, start + 2s);
  CHECK(limit.limit() == 73);
  for (int i = 0; i < 1000; ++i) limit.ended({.latency = 9s, .in_flight = 10}, start + 2s);
  CHECK(limit.limit() == 73);
  for (int i = 0; i < 100; ++i) limit.ended({.latency = 0s, .outcome = request_outcome::overloaded, .in_flight = 1}, start + i * 3s);
  CHECK(limit.limit() == 2);
}
