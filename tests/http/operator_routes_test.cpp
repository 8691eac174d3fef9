// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/incident/notifier.hpp>
#include <catena/incident/ticket.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/support/served_world.hpp"
#include "support/outcome.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using test::asking;
using test::served_world;
using test::status_of;
using test::with_token;

namespace {

std::string body_of(const std::string& answered) { return answered.substr(answered.find("\r\n\r\n") + 4); }

struct operator_world : served_world {
  explicit operator_world(const http::operator_options& operators = {}) : served_world(runtime_options{}, operators) {}

  std::string put_policy(const std::string& body) { return ask({.line = "PUT /policy", .fields = with_token, .body = body}); }
  std::string decide(const std::string& token, const std::string& body) { return ask({.line = "POST /runs/" + token, .fields = with_token, .body = body}); }
  /// A chain whose stage never succeeds by itself, and waits for a person then.
  template <class T>
  chain<int, T> parking_chain() {
    const notify_options parks{.park = park_options{.limit = 1h}};
    return make_chain<int>(*rt, "c", [&](auto in) {
      return in >> stage("s", [](const int&) -> result<T> { return failure(errc::expired, "no"); }).notify(us, parks);
    });
  }
  template <class T>
  std::string park(const chain<int, T>& c, test::outcome<T>& end) {
    c.async_run(1, end.take());
    world.run_until_idle();
    return told.back().parked.value().token;
  }

  std::vector<incident> told;
  notifier us{{.sinks = {[this](const incident& what) { told.push_back(what); }}}};
};

/// What a run answers whose stage is to use a value, written as JSON; the answer's status where it is refused.
template <class T>
std::string used(const std::string& value, const http::operator_options& operators = {}) {
  operator_world w(operators);
  const auto c = w.parking_chain<T>();
  test::outcome<T> parked, end;
  const std::string token = w.park(c, parked);
  const std::string answered = w.decide(token, R"({"decision": "use", "value": )" + value + "}");
  if (status_of(answered) != 200) {
    CHECK(status_of(w.decide(token, R"({"decision": "retry"})")) == 200);  // it was good for one decision still
    return std::to_string(status_of(answered)) + ": " + body_of(answered);
  }
  ticket::of(parked.why()).value().template async_answer<T>(end.take());
  w.world.run_until_idle();
  if constexpr (std::is_same_v<T, std::string>) return end.value();
  else return std::to_string(end.value());
}

}  // namespace

TEST_CASE("a process that lives says so, to whoever asks") {
  operator_world w;
  const std::string answered = w.ask({.line = "GET /healthz"});
  CHECK(status_of(answered) == 200);
  CHECK(body_of(answered) == "{\"status\":\"alive\"}\n");
  CHECK(status_of(w.ask({.line = "GET /healthz", .host = "evil.example"})) == 421);
  CHECK_THAT(w.ask({.line = "POST /healthz"}), ContainsSubstring("Allow: GET, HEAD\r\n"));
  const std::string nowhere = w.ask({.line = "GET /nowhere"});
  CHECK(status_of(nowhere) == 404);
  CHECK_THAT(nowhere, ContainsSubstring("POST /runs/{ticket}"));
}

TEST_CASE("a policy document is applied, or all faults of it are told and nothing has changed") {
  operator_world w;
  int calls = 0;
  const auto c = make_chain<int>(*w.rt, "c", [&](auto in) {
    return in >> stage("s", [&](const int&) -> result<int> {
             ++calls;
             return errc::unavailable;
           }).retry({.retries = 1, .first_wait = 1ms});
  });
  const auto calls_of_a_run = [&] {
    calls = 0;
    test::outcome<int> end;
    c.async_run(1, end.take());
    w.world.advance(10s);
    CHECK(end.count() == 1);
    return calls;
  };
  CHECK(calls_of_a_run() == 2);
  CHECK(status_of(w.put_policy(R"({"stages": {"c/s": {"retry": {"retries": 3}}}})")) == 200);
  CHECK(calls_of_a_run() == 4);

  const std::string unknown = w.put_policy(R"({"stages": {"c/s": {"retry": {"retries": 5}}, "c/t": {"retry": {"retries": 1}}}})");
  CHECK(status_of(unknown) == 400);
  CHECK_THAT(unknown, ContainsSubstring(R"("at":"/stages/c~1t")") && ContainsSubstring("nothing has changed"));
  const std::string wrong = w.put_policy(R"({"stages": {"c/s": {"retry": {"retries": "many"}, "timeout": 5}}})");
  CHECK(status_of(wrong) == 400);
  CHECK_THAT(wrong, ContainsSubstring("/stages/c~1s/retry/retries") && ContainsSubstring("/stages/c~1s/timeout"));
  CHECK(status_of(w.put_policy("no JSON")) == 400);
  CHECK(status_of(w.put_policy("")) == 400);
  CHECK(status_of(w.ask({.line = "PUT /policy", .body = "{}"})) == 401);
  CHECK(status_of(w.ask({.line = "PUT /policy", .fields = with_token + "Origin: http://evil.example\r\n", .body = "{}"})) == 403);
  CHECK(calls_of_a_run() == 4);

  CHECK(status_of(w.put_policy("{}")) == 200);
  CHECK(calls_of_a_run() == 2);
}

TEST_CASE("a parked run goes on as decided, once, and who comes too late is told why") {
  operator_world w;
  const auto c = w.parking_chain<std::optional<int>>();
  test::outcome<std::optional<int>> skipped, failed, timed_out, end;
  const std::string token = w.park(c, skipped);
  CHECK(body_of(w.decide(token, R"({"decision": "skip"})")) == "{\"decided\":\"skip\"}\n");
  ticket::of(skipped.why()).value().async_answer<std::optional<int>>(end.take());
  w.world.run_until_idle();
  CHECK(end.answered());
  const std::string again = w.decide(token, R"({"decision": "skip"})");
  CHECK(status_of(again) == 409);
  CHECK(body_of(again) == "{\"error\":\"this token has been used\"}\n");
  CHECK(status_of(w.decide("0123456789abcdef", R"({"decision": "skip"})")) == 404);

  const std::string to_fail = w.park(c, failed);
  CHECK(status_of(w.decide(to_fail, R"({"decision": "fail", "reason": "we do not sell to them"})")) == 200);
  test::outcome<std::optional<int>> why;
  ticket::of(failed.why()).value().async_answer<std::optional<int>>(why.take());
  w.world.run_until_idle();
  CHECK(why.why().is(errc::rejected));
  CHECK(why.why().message() == "we do not sell to them");

  const std::string late = w.park(c, timed_out);
  w.world.advance(2h);
  CHECK(status_of(w.decide(late, R"({"decision": "retry"})")) == 409);
}

TEST_CASE("a decision that is none says what is wrong with it and what is expected, and the token stays good") {
  operator_world w;
  const auto c = w.parking_chain<int>();
  test::outcome<int> end;
  const std::string token = w.park(c, end);
  for (const auto& [body, wrong] : std::vector<std::pair<std::string, std::string>>{
           {"", "the body is no JSON"},
           {"{\"decision\": \"retry\"", "the body is no JSON"},
           {"\"retry\"", "the body is no object"},
           {"{}", "'decision' is missing or none of the four"},
           {R"({"decision": "explode"})", "'decision' is missing or none of the four"},
           {R"({"decision": 1})", "'decision' is no text"},
           {R"({"decision": "retry", "reason": "x"})", "'reason' is for"},
           {R"({"decision": "fail", "reason": 1})", "'reason' is no text"},
           {R"({"decision": "retry", "value": 1})", "'value' is for"},
           {R"({"decision": "use"})", "'value' is missing"},
           {R"({"decision": "retry", "within": "1s"})", "'within' is unknown"},
           {R"({"decision": "use", "value": [1]})", "operator_options::read_value"},
           {R"({"decision": "use", "value": )" + std::string(100'000, '[') + std::string(100'000, ']') + "}", "nested more than 32 times"},
           {std::string(500'000, '['), "nested more than 32 times"},
           {R"({"decision": "use", "value": "x"})", "the stage answers int, not "},
           {R"({"decision": "skip"})", "the stage cannot be skipped"}}) {
    INFO(body);
    const std::string answered = w.decide(token, body);
    CHECK(status_of(answered) == 400);
    CHECK_THAT(answered, ContainsSubstring(wrong));
  }
  CHECK(status_of(w.ask({.line = "POST /runs/" + token, .body = R"({"decision": "retry"})"})) == 401);
  CHECK(status_of(w.decide(token, R"({"decision": "retry"})")) == 200);
}

TEST_CASE("a value of JSON is used for stages that answer a bool, a number or a text, if it is one of theirs") {
  CHECK(used<int>("42") == "42");
  CHECK(used<std::int64_t>("-9007199254740993") == "-9007199254740993");
  CHECK(used<double>("2.5") == std::to_string(2.5));
  CHECK(used<double>("2") == std::to_string(2.0));
  CHECK(used<bool>("true") == "1");
  CHECK(used<std::string>("\"paid by hand\"") == "paid by hand");
  CHECK_THAT(used<int>("2.5"), ContainsSubstring("400: "));
  CHECK_THAT(used<int>("4294967296"), ContainsSubstring("400: "));
  CHECK_THAT(used<bool>("1"), ContainsSubstring("400: "));
}

TEST_CASE("other values are read by whoever runs the endpoint, who is told which run they are for") {
  std::string asked;
  const http::operator_options options{.read_value = [&](const parked_record& run, std::string_view value) -> result<decision> {
    asked = run.path + " " + std::string(value);
    if (value == "[1,2]") return decision::use(12);
    return failure(errc::invalid_input, "a pair of numbers is expected");
  }};
  CHECK(used<int>("[1, 2]", options) == "12");
  CHECK(asked == "c/s [1,2]");
  CHECK_THAT(used<int>("3", options), ContainsSubstring("a pair of numbers is expected"));
  operator_world w(options);
  CHECK(status_of(w.decide("unknown", R"({"decision": "use", "value": 1})")) == 404);
}
