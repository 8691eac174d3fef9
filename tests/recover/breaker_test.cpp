// SPDX-License-Identifier: BSL-1.0
/// \file
/// When a breaker opens, whom it lets through, and when it closes again.
#include <catena/recover/breaker.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

/// A breaker, and a clock that the test moves.
struct breaker_bench {
  explicit breaker_bench(const breaker_options& options = {}) : b(options) {}

  void attempt(attempt_end how, duration took = 1ms) { b.ended(b.enter(now), how, took, now); }
  void attempts(int count, attempt_end how, duration took = 1ms) {
    while (count-- > 0) attempt(how, took);
  }
  [[nodiscard]] bool allows() const { return b.allows(now); }

  breaker b;
  time_point now{1h};
};

}  // namespace

TEST_CASE("a breaker opens after so many bad attempts in a row, and one good attempt in between breaks the row") {
  breaker_bench here({.bad_share = 0});
  here.attempts(4, attempt_end::failed);
  here.attempt(attempt_end::answered);
  here.attempts(4, attempt_end::failed);
  CHECK(here.b.state() == breaker_state::closed);
  here.attempt(attempt_end::failed);
  CHECK(here.b.state() == breaker_state::open);
  CHECK(!here.allows());
  CHECK(!here.b.try_enter(here.now));
}

TEST_CASE("a breaker opens when the share of bad attempts in its window is too high, once there are enough") {
  breaker_bench here({.consecutive = 0, .bad_share = 0.5, .least_count = 20});
  for (int i = 0; i < 9; ++i) {
    here.attempt(attempt_end::answered);
    here.attempt(attempt_end::failed);
  }
  here.attempt(attempt_end::answered);
  CHECK(here.b.state() == breaker_state::closed);
  here.attempt(attempt_end::failed);
  CHECK(here.b.state() == breaker_state::open);
}

TEST_CASE("attempts that are older than the window do not count any more") {
  breaker_bench here({.consecutive = 0, .bad_share = 0.5, .least_count = 20, .window = 10s});
  here.attempts(19, attempt_end::failed);
  here.now += 10s;
  here.attempts(19, attempt_end::failed);
  CHECK(here.b.state() == breaker_state::closed);
  here.now += 4s;
  here.attempt(attempt_end::failed);
  CHECK(here.b.state() == breaker_state::open);
}

TEST_CASE("refusals, cancellations and requests that fail everywhere neither make a row nor break one") {
  breaker_bench here;
  here.attempts(4, attempt_end::failed);
  here.attempts(100, attempt_end::no_fault);
  CHECK(here.b.state() == breaker_state::closed);
  here.attempt(attempt_end::failed);
  CHECK(here.b.state() == breaker_state::open);
}

TEST_CASE("an answer that takes longer than what is slow is bad") {
  breaker_bench here({.slow = 10ms});
  here.attempts(100, attempt_end::answered, 10ms);
  CHECK(here.b.state() == breaker_state::closed);
  here.attempts(5, attempt_end::answered, 11ms);
  CHECK(here.b.state() == breaker_state::open);
}

TEST_CASE("running out of time is bad only after as long as an answer may take") {
  breaker_bench here;
  here.attempts(100, attempt_end::out_of_time, 999ms);
  CHECK(here.b.state() == breaker_state::closed);
  for (int i = 0; i < 100; ++i) here.attempt(attempt_end::answered, i % 2 == 0 ? 9ms : 11ms);
  here.attempts(100, attempt_end::out_of_time, 11ms);
  CHECK(here.b.state() == breaker_state::closed);
  here.attempts(5, attempt_end::out_of_time, 20ms);
  CHECK(here.b.state() == breaker_state::open);
  breaker_bench unknown;
  unknown.attempts(5, attempt_end::out_of_time, 1s);
  CHECK(unknown.b.state() == breaker_state::open);
}

TEST_CASE("an open breaker lets one probe through after its wait, and the next when that has ended") {
  breaker_bench here;
  here.attempts(5, attempt_end::failed);
  here.now += 1s - 1ns;
  CHECK(!here.allows());
  here.now += 1ns;
  const auto probe = here.b.try_enter(here.now);
  REQUIRE(probe);
  CHECK(here.b.state() == breaker_state::half_open);
  CHECK(!here.allows());
  here.b.ended(*probe, attempt_end::answered, 1ms, here.now);
  CHECK(here.b.state() == breaker_state::half_open);
  CHECK(here.allows());
}

TEST_CASE("a breaker closes after so many good probes in a row") {
  breaker_bench here({.probes = 3});
  here.attempts(5, attempt_end::failed);
  here.now += 1s;
  here.attempts(2, attempt_end::answered);
  here.attempt(attempt_end::no_fault);
  CHECK(here.b.state() == breaker_state::half_open);
  here.attempt(attempt_end::answered);
  CHECK(here.b.state() == breaker_state::closed);
}

TEST_CASE("a bad probe opens a breaker for twice as long, up to the longest wait") {
  breaker_bench here({.first_wait = 1s, .longest_wait = 5s});
  here.attempts(5, attempt_end::failed);
  for (const duration wait : {1s, 2s, 4s, 5s, 5s}) {
    CHECK(here.b.next_probe() == here.now + wait);
    here.now += wait;
    here.attempt(attempt_end::failed);
    CHECK(here.b.state() == breaker_state::open);
  }
}

TEST_CASE("a breaker that opens again soon after it closed waits longer, and later begins with the first wait again") {
  breaker_bench here({.first_wait = 1s, .probes = 1});
  here.attempts(5, attempt_end::failed);
  here.now += 1s;
  here.attempt(attempt_end::answered);
  here.now += 1s - 1ns;
  here.attempts(5, attempt_end::failed);
  CHECK(here.b.next_probe() == here.now + 2s);
  here.now += 2s;
  here.attempt(attempt_end::answered);
  here.now += 2s;
  here.attempts(5, attempt_end::failed);
  CHECK(here.b.next_probe() == here.now + 1s);
}

TEST_CASE("attempts that began before a breaker opened say nothing about its probes") {
  breaker_bench here;
  const auto old = here.b.enter(here.now);
  here.attempts(5, attempt_end::failed);
  here.now += 1s;
  const auto probe = here.b.try_enter(here.now);
  REQUIRE(probe);
  here.b.ended(old, attempt_end::failed, 1s, here.now);
  CHECK(here.b.state() == breaker_state::half_open);
  CHECK(!here.allows());
  here.b.ended(*probe, attempt_end::failed, 1ms, here.now);
  CHECK(here.b.state() == breaker_state::open);
}

TEST_CASE("what an open breaker was made to let through against its rule says nothing") {
  breaker_bench here;
  here.attempts(5, attempt_end::failed);
  here.attempts(100, attempt_end::answered);
  here.attempts(100, attempt_end::failed);
  CHECK(here.b.next_probe() == here.now + 1s);
}

TEST_CASE("a probe that is not heard of is followed by another one after as long a wait") {
  breaker_bench here;
  here.attempts(5, attempt_end::failed);
  here.now += 1s;
  REQUIRE(here.b.try_enter(here.now));
  here.now += 1s - 1ns;
  CHECK(!here.allows());
  here.now += 1ns;
  CHECK(here.allows());
}

TEST_CASE("the share of one that is new or has just closed grows from a tenth to all") {
  breaker_bench here({.probes = 1, .ramp = 10s});
  CHECK(here.b.share(here.now) == 1);
  here.b.begin_ramp(here.now);
  CHECK(here.b.share(here.now) == Catch::Approx(0.1));
  CHECK(here.b.share(here.now + 5s) == Catch::Approx(0.5));
  CHECK(here.b.share(here.now + 10s) == 1);
  here.now += 1min;
  here.attempts(5, attempt_end::failed);
  here.now += 1s;
  here.attempt(attempt_end::answered);
  CHECK(here.b.share(here.now) == Catch::Approx(0.1));
  CHECK(here.b.share(here.now + 10s) == 1);
  breaker_bench at_once({.ramp = 0s});
  at_once.b.begin_ramp(at_once.now);
  CHECK(at_once.b.share(at_once.now) == 1);
}

TEST_CASE("failures blame whoever made the attempt, or the deadline, or nobody") {
  CHECK(attempt_end_of(failure()) == attempt_end::answered);
  for (const errc blame : {errc::stage_failed, errc::model_failed, errc::row_unanswered, errc::device_unavailable, errc::unavailable, errc::timed_out})
    CHECK(attempt_end_of(failure(blame)) == attempt_end::failed);
  CHECK(attempt_end_of(failure(make_error_code(boost::system::errc::connection_refused))) == attempt_end::failed);
  CHECK(attempt_end_of(failure(errc::deadline_exceeded)) == attempt_end::out_of_time);
  for (const errc nobody : {errc::cancelled, errc::deadline_unreachable, errc::queue_full, errc::not_admitted, errc::expired, errc::invalid_input, errc::shape_mismatch})
    CHECK(attempt_end_of(failure(nobody)) == attempt_end::no_fault);
  CHECK(attempt_end_of(failure(make_error_code(boost::system::errc::operation_canceled))) == attempt_end::no_fault);
}

TEST_CASE("an option of a breaker that is out of range is named") {
  const auto why = [](const breaker_options& options) -> std::string {
    try {
      breaker b(options);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return {};
  };
  CHECK(why({}).empty());
  CHECK(why({.consecutive = 1001}) == "breaker_options::consecutive must be 0 to 1000");
  CHECK(why({.bad_share = 1.5}) == "breaker_options::bad_share must be 0 to 1");
  CHECK(why({.least_count = 0}).find("least_count") != std::string::npos);
  CHECK(why({.window = 0s}).find("window") != std::string::npos);
  CHECK(why({.slow = -1s}).find("slow") != std::string::npos);
  CHECK(why({.patience = 0s}).find("patience") != std::string::npos);
  CHECK(why({.first_wait = 2min}).find("first_wait") != std::string::npos);
  CHECK(why({.longest_wait = 25h}).find("longest_wait") != std::string::npos);
  CHECK(why({.probes = 0}).find("probes") != std::string::npos);
  CHECK(why({.ramp = -1s}).find("ramp") != std::string::npos);
}
