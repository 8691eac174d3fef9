// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/conversation.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "llm/support/talk.hpp"

#include "support/catch.hpp"

using namespace catena;
using Catch::Matchers::ContainsSubstring;
using llm::message;
using test::answer_saying;
using test::by_bytes;
using test::bytes_of;
using test::counting_server;
using test::talker;
using test::text_of_tokens;

namespace {

/// What was sent, as bytes without their end, so that what is behind may be added.
std::string front_of(const llm::messages& all) {
  std::string json = llm::to_json(all);
  json.pop_back();
  return json;
}

struct long_talk {
  std::int64_t sent_ever = 0;  ///< if nothing had gone, by the server's count
  std::int64_t most_sent = 0;
  int turns_kept = 0;          ///< turns all of whose requests begin with all of the one before, byte by byte
};

/// 200 turns, many of them with tools.
long_talk talk_for_200_turns(llm::conversation& c, const counting_server& server, talker& who, bool server_counts) {
  long_talk seen;
  std::string before;
  for (int turn = 0; turn < 200; ++turn) {
    const std::string question = who.words(who.one_in(10) ? 400 : 120);
    REQUIRE(c.user(question));
    seen.sent_ever += server.count(message::user(question));
    bool keeps = true;
    for (int step = 0;; ++step) {
      REQUIRE(test::tools_are_complete(c.to_send()));
      REQUIRE(c.to_send().front().role == llm::role::system);
      seen.most_sent = std::max(seen.most_sent, server.count(c.to_send()));
      const std::string now = front_of(c.to_send());
      keeps = keeps && now.starts_with(before);
      before = now;
      llm::answer a = server.answer(c.to_send(), who.reply(200, step < 3 && who.one_in(3) ? 3 : 0));
      seen.sent_ever += server.count(a.message);
      if (!server_counts) a.usage.reset();
      c.answered(a);
      if (c.open_calls().empty()) break;
      for (const llm::tool_call& t : a.message.tool_calls) {
        const message result = message::tool(t.id, who.words(250));
        REQUIRE(c.add(result));
        seen.sent_ever += server.count(result);
      }
    }
    seen.turns_kept += keeps;
  }
  return seen;
}

}  // namespace

TEST_CASE("a conversation of 200 turns stays under its budget by the server's own count, and most turns keep the prefix byte by byte") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const bool server_counts = seed % 4 != 0;
    counting_server server;
    if (seed % 5 == 1) server.least = 1.3;
    if (seed % 5 == 2) server.most = 0.7;
    CAPTURE(seed, server_counts, server.least, server.most);
    talker who(seed);
    llm::conversation c({.budget_tokens = 8000, .answer_tokens = 600, .system = who.words(100)});
    const long_talk seen = talk_for_200_turns(c, server, who, server_counts);
    CHECK(seen.most_sent + 600 <= 8000);
    CHECK(c.stats().turns == 200);
    CHECK(c.stats().answers - c.stats().prefix_kept <= c.stats().trims + 1);
    if (server.most > 1) CHECK(seen.sent_ever >= 10 * 8000);
    if (!server_counts) continue;
    CHECK(seen.turns_kept >= 160);
    CHECK(seen.most_sent >= 6500);  // the budget is made use of
  }
}

TEST_CASE("a conversation agrees with a plain model of itself, through undone turns and JSON") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    talker who(seed);
    const auto options = by_bytes(3000);
    llm::conversation c(options);
    std::deque<llm::messages> turns;  // the model: what fits, by turns
    const auto size = [&turns] {
      std::int64_t all = 0;
      for (const llm::messages& t : turns)
        for (const message& m : t) all += bytes_of(m);
      return all;
    };
    const auto add_to_model = [&](const message& m) {
      const auto before = turns;
      if (m.role == llm::role::user) turns.emplace_back();
      turns.back().push_back(m);
      if (m.role == llm::role::assistant || size() <= 3000) return true;
      while (turns.size() > 1 && size() > 1500) turns.pop_front();
      if (size() > 3000) turns = before;
      return turns != before;
    };
    for (int step = 0; step < 120; ++step) {
      CAPTURE(step);
      const auto open = c.open_calls();
      if (!open.empty() && !who.one_in(12)) {
        const message m = message::tool(open.front().id, who.words(who.one_in(15) ? 900 : 60));
        REQUIRE(c.add(m).has_value() == add_to_model(m));
      } else if (open.empty() && !turns.empty() && turns.back().back().role != llm::role::assistant) {
        llm::answer a;
        a.message = who.reply(40, who.one_in(2) ? 2 : 0);
        c.answered(a);
        add_to_model(a.message);
      } else if (open.empty() && !who.one_in(6)) {
        const message m = message::user(who.words(who.one_in(15) ? 900 : 60));
        REQUIRE(c.add(m).has_value() == add_to_model(m));
      } else if (who.one_in(2)) {
        const llm::messages undone = c.undo();
        REQUIRE(undone == (turns.empty() ? llm::messages{} : turns.back()));
        if (!turns.empty()) turns.pop_back();
      } else {
        const std::string json = c.to_json();
        auto read = llm::conversation::from_json(json, options);
        REQUIRE(read.has_value());
        REQUIRE(read->to_json() == json);
        REQUIRE(read->stats() == c.stats());
        c = *std::move(read);
      }
      llm::messages expected;
      for (const llm::messages& t : turns) expected.insert(expected.end(), t.begin(), t.end());
      REQUIRE(c.to_send() == expected);
      REQUIRE(c.size() == llm::token_range{.likely = size(), .most = size()});
    }
  }
}

TEST_CASE("a turn that is over the budget alone is refused, and nothing is lost") {
  llm::conversation c(by_bytes(100));
  REQUIRE(c.user(text_of_tokens(30, 'a')));
  c.answered(answer_saying(text_of_tokens(30, 'b')));
  const std::string before = c.to_json();
  const result<void> too_much = c.user(text_of_tokens(101, 'c'));
  REQUIRE(too_much.has_error());
  CHECK(too_much.error().is(errc::invalid_input));
  CHECK_THAT(too_much.error().message(), ContainsSubstring("101") && ContainsSubstring("100"));
  CHECK(c.to_json() == before);
  CHECK(c.user(text_of_tokens(100, 'c')));
  CHECK(c.to_send() == llm::messages{message::user(text_of_tokens(100, 'c'))});
}

TEST_CASE("what is left for the answer, for the system's message and for what is sent beside it is of the budget") {
  auto options = by_bytes(200);
  options.system = text_of_tokens(20, 's');
  options.answer_tokens = 50;
  options.other_tokens = 30;
  llm::conversation c(options);
  CHECK(c.user(text_of_tokens(101, 'a')).has_error());
  CHECK(c.user(text_of_tokens(100, 'a')));
  CHECK(c.size().most == 150);
  c.answered(answer_saying(text_of_tokens(50, 'b')));
  REQUIRE(c.user(text_of_tokens(10, 'c')));
  CHECK(c.to_send() == llm::messages{message::system(text_of_tokens(20, 's')), message::user(text_of_tokens(10, 'c'))});
}

TEST_CASE("turns go until half of the budget is left, so that the next ones are sent with the same prefix") {
  llm::conversation c(by_bytes(100));
  for (char name = 'a'; name < 'f'; ++name) {
    REQUIRE(c.user(text_of_tokens(10, name)));
    c.answered(answer_saying(text_of_tokens(10, name)));
  }
  CHECK(c.stats().prefix_kept == 4);
  REQUIRE(c.user(text_of_tokens(10, 'f')));  // 110: the last 50 are d, e and this
  REQUIRE(c.to_send().size() == 5);
  CHECK(c.to_send().front() == message::user(text_of_tokens(10, 'd')));
  CHECK(c.stats().trims == 1);
  c.answered(answer_saying(text_of_tokens(10, 'f')));
  CHECK(c.stats().prefix_kept == 4);
  REQUIRE(c.user(text_of_tokens(10, 'g')));
  c.answered(answer_saying(text_of_tokens(10, 'g')));
  CHECK(c.stats().prefix_kept == 5);
}

TEST_CASE("what a server counts decides, not the estimate") {
  auto options = by_bytes(1000);
  options.count_error = 0.3;
  SECTION("it counts less: more is kept") {
    llm::conversation c(options);
    for (int i = 0; i < 9; ++i) {
      REQUIRE(c.user(text_of_tokens(100, 'a')));
      llm::answer a = answer_saying(text_of_tokens(10, 'b'));
      a.usage = llm::token_usage{.input = 60 * i + 55, .cached_input = 60 * i, .output = 1};
      c.answered(a);
    }
    CHECK(c.stats().trims == 0);
    CHECK(c.to_send().size() == 18);
    CHECK(c.size().likely == 540);
  }
  SECTION("it counts more: more goes") {
    llm::conversation c(options);
    REQUIRE(c.user(text_of_tokens(100, 'a')));
    llm::answer a = answer_saying(text_of_tokens(10, 'b'));
    a.usage = llm::token_usage{.input = 400, .output = 40};
    c.answered(a);
    REQUIRE(c.user(text_of_tokens(100, 'c')));
    c.answered(answer_saying(text_of_tokens(10, 'd')));
    REQUIRE(c.user(text_of_tokens(20, 'e')));  // counted 440, and 4 x 130 may be 676
    CHECK(c.to_send() == llm::messages{message::user(text_of_tokens(20, 'e'))});
  }
}

TEST_CASE("tools' results come where their calls wait for them, and nothing else does") {
  llm::conversation c(by_bytes(1000));
  CHECK(c.tool("1", "nobody has asked").error().is(errc::invalid_input));
  CHECK(c.add(message::system("be somebody else")).error().is(errc::invalid_input));
  REQUIRE(c.user("how warm is it in Oslo and Rome?"));
  llm::answer a;
  a.message.tool_calls = {{"1", "temperature", "Oslo"}, {"2", "temperature", "Rome"}};
  c.answered(a);
  CHECK(c.open_calls() == a.message.tool_calls);
  const auto too_early = c.user("well?");
  REQUIRE(too_early.has_error());
  CHECK_THAT(too_early.error().message(), ContainsSubstring("temperature"));
  CHECK(c.tool("3", "cold").has_error());
  REQUIRE(c.tool("2", "19"));
  CHECK(c.tool("2", "20").has_error());
  REQUIRE(c.tool("1", "-3"));
  CHECK(c.open_calls().empty());
  c.answered(answer_saying("-3 and 19"));
  CHECK(c.user("thanks"));
  CHECK(c.undo() == llm::messages{message::user("thanks")});
  CHECK(c.undo().size() == 5);
  CHECK(c.undo().empty());
  CHECK(c.stats().turns == 2);
}

TEST_CASE("a tool's result that is too much lets older turns go, or is refused while its turn stays") {
  llm::conversation c(by_bytes(200));
  REQUIRE(c.user(text_of_tokens(50, 'a')));
  c.answered(answer_saying(text_of_tokens(50, 'b')));
  REQUIRE(c.user(text_of_tokens(20, 'c')));
  llm::answer a;
  a.message.tool_calls = {{"1", "look_up", "it"}};  // 4 + 8 + 9
  c.answered(a);
  CHECK(c.tool("1", text_of_tokens(160, 'd')).error().is(errc::invalid_input));
  CHECK(c.to_send().size() == 4);
  REQUIRE(c.tool("1", text_of_tokens(159, 'd')));
  CHECK(c.to_send().size() == 3);
  CHECK(c.to_send().front() == message::user(text_of_tokens(20, 'c')));
}

TEST_CASE("an answer goes on with a message that was begun for it") {
  llm::conversation c(by_bytes(1000));
  REQUIRE(c.user("a list, as JSON"));
  REQUIRE(c.add(message::assistant("[1, ")));
  c.answered(answer_saying("2]"));
  CHECK(c.to_send() == llm::messages{message::user("a list, as JSON"), message::assistant("[1, 2]")});
  CHECK(c.size().most == 4 + 15 + 4 + 6);
}

TEST_CASE("a copy is a branch, and goes its own way") {
  llm::conversation trunk(by_bytes(1000));
  REQUIRE(trunk.user("a riddle, please"));
  trunk.answered(answer_saying("what has hands and no arms?"));
  llm::conversation branch = trunk;
  REQUIRE(branch.user("a clock"));
  REQUIRE(trunk.user("tell me"));
  CHECK(branch.to_send().back() == message::user("a clock"));
  CHECK(trunk.to_send().back() == message::user("tell me"));
  CHECK(front_of(branch.to_send()).starts_with(R"([{"role":"user","content":"a riddle, please")"));
}

TEST_CASE("a conversation tells what it took, what the server's cache knew of it, and what it cost") {
  llm::conversation c({.budget_tokens = 5000});
  CHECK(c.stats().hit_share() == 0);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(c.user("and?"));
    llm::answer a = answer_saying("well");
    a.usage = llm::token_usage{.input = 100, .cached_input = 60 * i, .output = 7, .reasoning = 2};
    a.cost = llm::money{30};
    c.answered(a);
  }
  CHECK(c.stats().used == llm::token_usage{.input = 200, .cached_input = 60, .output = 14, .reasoning = 4});
  CHECK(c.stats().hit_share() == 0.3);
  CHECK(c.stats().cost == llm::money{60});
}

TEST_CASE("a conversation that is read again goes on as it would have") {
  const llm::conversation_options options{.budget_tokens = 8000, .answer_tokens = 600, .system = "be brief", .old_turns = llm::old_turns::summarised};
  llm::conversation c(options);
  talker who(5);
  talk_for_200_turns(c, counting_server{}, who, true);
  auto read = llm::conversation::from_json(c.to_json(), options);
  REQUIRE(read.has_value());
  talker one(6), other(6);
  talk_for_200_turns(c, counting_server{}, one, true);
  talk_for_200_turns(*read, counting_server{}, other, true);
  CHECK(read->to_json() == c.to_json());
  SECTION("with another system's message, what the server had counted is forgotten") {
    auto otherwise = options;
    otherwise.system = "be verbose";
    auto changed = llm::conversation::from_json(c.to_json(), otherwise);
    REQUIRE(changed.has_value());
    CHECK(changed->to_send().front() == message::system("be verbose"));
    CHECK(changed->size().most >= c.size().most);
  }
  SECTION("with a smaller budget, turns go") {
    auto smaller = options;
    smaller.budget_tokens = 2000;
    auto changed = llm::conversation::from_json(c.to_json(), smaller);
    REQUIRE(changed.has_value());
    REQUIRE(changed->user("well?"));
    CHECK(changed->size().most <= 1400);
    CHECK(changed->to_send().size() < c.to_send().size());
    REQUIRE(c.user("and then " + who.words(100)));
    changed = llm::conversation::from_json(c.to_json(), smaller);
    REQUIRE(changed.has_value());
    CHECK(changed->size().most <= 1400);
    smaller.budget_tokens = 650;
    CHECK_THAT(llm::conversation::from_json(c.to_json(), smaller).error().message(), ContainsSubstring("/messages: "));
  }
}
