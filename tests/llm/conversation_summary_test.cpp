// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/conversation.hpp>

#include <string>

#include "llm/support/talk.hpp"

#include "support/catch.hpp"

using namespace catena;
using Catch::Matchers::ContainsSubstring;
using llm::message;
using test::answer_saying;
using test::by_bytes;
using test::text_of_tokens;

TEST_CASE("a summary comes in the place of what has gone, and the next one in that of both") {
  auto options = by_bytes(200);
  options.system = "sys";
  options.old_turns = llm::old_turns::summarised;
  options.summary_request = "sum up";
  llm::conversation c(options);
  for (const char name : {'a', 'b', 'c'}) {
    CHECK(c.to_summarise().empty());
    REQUIRE(c.user(text_of_tokens(30, name)));
    c.answered(answer_saying(text_of_tokens(30, name)));
  }
  REQUIRE(c.user(text_of_tokens(30, 'd')));
  REQUIRE(c.to_summarise().size() == 4);
  const message sys = message::system("sys");
  CHECK(c.summary_request() ==
        llm::messages{sys, c.to_summarise()[0], c.to_summarise()[1], c.to_summarise()[2], c.to_summarise()[3], message::user("sum up")});
  CHECK(c.summarised("  \n").error().is(errc::invalid_input));
  CHECK(c.summarised(std::string(300, 'x')).error().is(errc::invalid_input));
  CHECK(c.to_summarise().size() == 4);
  llm::answer summary = answer_saying("a and b");
  summary.cost = llm::money{5};
  REQUIRE(c.summarised(summary));
  CHECK(c.stats().cost == llm::money{5});
  CHECK(c.summary() == "a and b");
  CHECK(c.to_summarise().empty());
  REQUIRE(c.to_send().size() == 5);
  CHECK(c.to_send()[0] == sys);
  CHECK_THAT(c.to_send()[1].content, ContainsSubstring("a and b"));
  CHECK(c.to_send()[2] == message::user(text_of_tokens(30, 'c')));
  const message first = c.to_send()[1];

  c.answered(answer_saying(text_of_tokens(30, 'd')));
  REQUIRE(c.user(text_of_tokens(31, 'e')));
  REQUIRE(c.summary_request().size() == 7);
  CHECK(c.summary_request()[1] == first);
  CHECK(c.summarised("a to d"));
  CHECK(c.to_send().size() == 3);
  CHECK_THAT(c.to_send()[1].content, ContainsSubstring("a to d"));
  CHECK(c.summarised("nothing").error().is(errc::invalid_input));
  CHECK(c.stats().summaries == 2);

  auto read = llm::conversation::from_json(c.to_json(), options);
  REQUIRE(read.has_value());
  CHECK(read->to_send() == c.to_send());
  CHECK(read->summary() == "a to d");
  // What has no room beside it lets even the summary go, which is then a part of what is to be summarised.
  REQUIRE(read->user(text_of_tokens(190, 'f')));
  CHECK(read->to_send() == llm::messages{sys, message::user(text_of_tokens(190, 'f'))});
  CHECK(read->summary().empty());
  CHECK(read->to_summarise().size() == 2);
}

TEST_CASE("what nobody has summarised until the next turns go is lost, and told") {
  auto options = by_bytes(100);
  options.old_turns = llm::old_turns::summarised;
  llm::conversation c(options);
  for (const char name : {'a', 'b', 'c'}) REQUIRE(c.user(text_of_tokens(60, name)));
  CHECK(c.to_summarise() == llm::messages{message::user(text_of_tokens(60, 'b'))});
  CHECK(c.stats().lost_summaries == 1);
  c.not_summarised();
  CHECK(c.to_summarise().empty());
  CHECK(c.stats().lost_summaries == 2);
}
