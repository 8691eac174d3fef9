// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/conversation.hpp>

#include <stdexcept>
#include <string>

#include "llm/support/talk.hpp"

#include "support/catch.hpp"

using namespace catena;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("JSON that is no conversation is refused, with the place") {
  const struct {
    const char* json;
    const char* where;
  } wrong[] = {
      {"[]", "(document)"},
      {"{", "(document)"},
      {R"({"messages": {}})", "/messages"},
      {R"({"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "b", "tool_call_id": "1"}]})", "/messages/1"},
      {R"({"messages": [{"role": "user", "content": 7}]})", "/messages/0/content"},
      {R"({"messages": [{"role": "system", "content": "a"}]})", "/messages/0"},
      {R"({"unsummarised": [{"role": "nobody"}]})", "/unsummarised/0/role"},
      {R"({"summary": 1})", "/summary"},
      {R"({"stats": []})", "/stats"},
      {R"({"stats": {"turns": -1}})", "/stats/turns"},
      {R"({"stats": {"cost_nanos": 1e99}})", "/stats/cost_nanos"},
      {R"({"counted": {"messages": 1, "likely": 1, "most": 1, "scale": 1}})", "/counted/messages"},
      {R"({"counted": {"messages": 0, "likely": 2, "most": 1, "scale": 1}})", "/counted/most"},
      {R"({"counted": {"messages": 0, "likely": 1, "most": 1}})", "/counted/scale"},
      {R"({"counted": {"messages": 0, "likely": 1, "most": 1, "scale": 1}, "last_sent": 3})", "/last_sent"},
  };
  for (const auto& [json, where] : wrong) {
    const auto read = llm::conversation::from_json(json, {});
    INFO(json);
    REQUIRE(read.has_error());
    CHECK(read.error().is(errc::invalid_input));
    CHECK_THAT(read.error().message(), ContainsSubstring(std::string(where) + ": "));
  }
  CHECK(llm::conversation::from_json("{}", {}).has_value());
}

TEST_CASE("a conversation's options are refused by name") {
  const struct {
    llm::conversation_options options;
    const char* name;
  } wrong[] = {{{.budget_tokens = 0}, "budget_tokens"},
               {{.budget_tokens = 10, .answer_tokens = 10}, "answer_tokens"},
               {{.keep = 1}, "keep"},
               {{.count_error = -0.1}, "count_error"},
               {{.other_tokens = -1}, "other_tokens"},
               {{.summary_role = llm::role::tool}, "summary_role"},
               {{.summary_request = ""}, "summary_request"},
               {{.budget_tokens = 10, .system = "You are a helpful assistant that knows everything about clocks."}, "system"}};
  for (const auto& [options, name] : wrong) {
    try {
      const llm::conversation c(options);
      FAIL(name);
    } catch (const std::invalid_argument& e) {
      CHECK_THAT(e.what(), ContainsSubstring("conversation_options::") && ContainsSubstring(name));
    }
  }
}
