// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/llm/prompt_template.hpp>
#include <catena/llm/structured.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <map>
#include <string>

#include "llm/support/chat_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using Catch::Matchers::ContainsSubstring;
using test::chat_world;

namespace {

// [structured]
enum class verdict { allow, refuse };
BOOST_DESCRIBE_ENUM(verdict, allow, refuse)

struct judgement {
  std::string reason; verdict what; int confidence;
  static constexpr llm::field_note field_notes[] = {{"confidence", "0 to 100"}};   // what the model is told
};
BOOST_DESCRIBE_STRUCT(judgement, (), (reason, what, confidence))

struct complaint { std::string text; };
BOOST_DESCRIBE_STRUCT(complaint, (), (text))

auto make_judge_chain(const llm::chat_model& chat) {
  constexpr llm::prompt_template<complaint> ask("Judge this complaint: {text}");
  return make_chain<complaint>(chat.get_runtime(), "judge", [&](auto in) {
    return in >> stage("prompt", ask) >> stage("judge", llm::structured<judgement>(chat, {.repairs = 2}));
  });
}
// [/structured]

struct table {
  std::map<std::string, int> of;
};
BOOST_DESCRIBE_STRUCT(table, (), (of))

const std::string good = R"({"reason":"late","what":"allow","confidence":90})";

/// A world whose model answers one text after the other, and stops after the last because of `why`.
struct judge_world : chat_world {
  explicit judge_world(const std::vector<std::string>& texts, const std::string& why = "stop") {
    test::script s;
    for (const std::string& text : texts) {
      s.push_back(test::await_request{});
      s.push_back(test::send{ok(completion(R"({"role":"assistant","content":)" + test::quoted(text) + "}", "", &text == &texts.back() ? why : "stop"))});
    }
    s.push_back(test::await_request{});
    s.push_back(test::stall{});
    server->next(std::move(s));
  }
  [[nodiscard]] llm::chat_model model_of(const llm::provider& who) const {
    llm::chat_options o = options();
    o.provider = who;
    o.model = "m";
    return {*rt, std::move(o)};
  }
  result<judgement> judge(const llm::provider& who = llm::deepseek()) { return run(make_judge_chain(model_of(who)), complaint{"it came late"}); }
};

}  // namespace

TEST_CASE("a model is held to a type as far as its provider can do that, and told the rest") {
  SECTION("by a schema, in the order of its fields") {
    judge_world w({good});
    CHECK(w.judge(llm::openai())->confidence == 90);
    const std::string asked = w.server->requests().at(0);
    CHECK_THAT(asked, ContainsSubstring(R"("response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"type":"object","properties":{"reason":)") &&
                          ContainsSubstring(R"("messages":[{"role":"user","content":"Judge this complaint: it came late"}])"));
  }
  SECTION("by some JSON object, and the prompt says which") {
    judge_world w({good});
    CHECK(w.judge(llm::deepseek())->what == verdict::allow);
    CHECK_THAT(w.server->requests().at(0), ContainsSubstring(R"("response_format":{"type":"json_object"})") &&
                                               ContainsSubstring(R"("messages":[{"role":"system","content":"Answer with one JSON object and nothing else. It is to be of this JSON schema:\n{\"type\":\"object\")"));
  }
  SECTION("by the prompt alone") {
    judge_world w({"I would say:\n```json\n" + good + "\n```"});
    CHECK(w.judge(llm::generic())->reason == "late");
    CHECK_THAT(w.server->requests().at(0), ContainsSubstring("of this JSON schema") && !ContainsSubstring("response_format"));
  }
  SECTION("what it is told joins the system message that is there") {
    judge_world w({good});
    const llm::structured<judgement> judge(w.model());
    const llm::messages asked{llm::message::system("Be just."), llm::message::user("Late!")};
    CHECK(w.await(judge.ask({}, asked)).has_value());
    CHECK_THAT(w.server->requests().at(0), ContainsSubstring(R"("messages":[{"role":"system","content":"Be just.\n\nAnswer with one JSON object)"));
  }
  SECTION("a map has fields that no schema names, which is no strict one") {
    judge_world w({R"({"of":{"a":1}})"});
    const llm::structured<table> tables(w.model_of(llm::openai()));
    CHECK(w.await(tables.ask({}, {llm::message::user("Count!")}))->of.at("a") == 1);
    CHECK_THAT(w.server->requests().at(0), ContainsSubstring(R"("strict":false)"));
  }
}

TEST_CASE("an answer that is not of its type is sent back with what is wrong, until it is right") {
  judge_world w({R"({"reason":"late","what":"perhaps","confidence":90})", "", good});
  CHECK(w.judge()->confidence == 90);
  REQUIRE(w.server->requests().size() == 3);
  CHECK_THAT(w.server->requests().at(1),
             ContainsSubstring(R"({"role":"assistant","content":"{\"reason\":\"late\",\"what\":\"perhaps\",\"confidence\":90}"},)"
                               R"({"role":"user","content":"That is not what was asked for. /what: one of \"allow\", \"refuse\" is expected and not this text. Answer again)"));
  // A blank answer is told of, but not shown.
  CHECK_THAT(w.server->requests().at(2), ContainsSubstring("there is nothing but space") && !ContainsSubstring(R"("content":"")"));
}

TEST_CASE("repairs end when they are used up, when a mistake comes again, and when the model had to stop") {
  const auto asked = [](judge_world& w) { return w.server->requests().size(); };
  SECTION("used up") {
    judge_world w({"secret", R"({"reason":"secret"})", R"({"reason":"secret","what":"allow"})", good});
    const failure why = w.judge().error();
    CHECK(why.is(errc::bad_response));
    CHECK(why.message() == "what is answered is no 'answer' after 2 repairs: /confidence: a whole number is expected and missing");
    CHECK(asked(w) == 3);
  }
  SECTION("again") {
    judge_world w({"secret", "another secret", good});
    CHECK_THAT(w.judge().error().message(), ContainsSubstring("after 1 repair: there is no JSON"));
    CHECK(asked(w) == 2);
  }
  SECTION("had to stop") {
    judge_world cut({R"({"reason":"secr)"}, "length");
    CHECK(cut.judge().error().message() == "what is answered is no 'answer': there is no JSON, or it is malformed or broken off (it stopped because of: length)");
    CHECK(asked(cut) == 1);
  }
}

TEST_CASE("a coroutine asks for a type as it is natural to write") {
  judge_world w({good, good, good});
  const llm::chat_model chat = w.model();
  const llm::structured<judgement> judge(chat);
  auto ask = [&](call c, const std::string& text) -> boost::asio::awaitable<std::string> {
    const judgement first = co_await judge(c, "Judge: " + text);
    const std::string second = (co_await judge(c, text)).reason;
    co_return first.reason + second + (co_await llm::structured<judgement>(chat)(c, text)).reason;
  };
  CHECK(w.run(make_chain<std::string>(*w.rt, "ask", [&](auto in) { return in >> stage("ask", ask); }), std::string("late")).value() == "latelatelate");
}

TEST_CASE("repairs draw on the time of the run") {
  judge_world w({"secret"});
  run_options how;
  how.deadline = w.rt->now() + std::chrono::seconds(5);
  CHECK(w.run(make_judge_chain(w.model()), complaint{"late"}, how).error().is(errc::deadline_exceeded));
  CHECK(w.server->requests().size() == 2);
}
