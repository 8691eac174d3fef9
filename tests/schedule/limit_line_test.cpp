// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/limit_line.hpp>
#include <catena/schedule/limit_policies.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;
using detail::limit_line;
using detail::limit_request;

constexpr time_point line_from{1h};

/// A line in front of so many places, and those who ask.
struct places_and_line {
  explicit places_and_line(std::size_t places, std::size_t capacity = 8) : line(fixed_limit{places}, capacity) {}

  limit_request& ask(time_point now, priority p = priority::normal, time_point deadline = no_deadline) {
    limit_request& r = asked.emplace_back();
    r.priority = p;
    r.deadline = deadline;
    line.enter(r, now);
    collect();
    return r;
  }
  void end_one(duration latency, time_point now) {
    const ended_request r{.latency = latency};
    line.places().note(r);
    line.ended(r, now);
    collect();
  }
  void advance(time_point now) {
    line.advance(now);
    collect();
  }
  void collect() {
    for (limit_request* r = line.take_decided(); r; r = r->next_decided) decided.push_back(r);
  }
  [[nodiscard]] bool is_decided(const limit_request& r) const { return std::count(decided.begin(), decided.end(), &r) == 1; }
  [[nodiscard]] std::size_t in_flight() { return line.places().in_flight; }

  limit_line line;
  std::deque<limit_request> asked;
  std::vector<limit_request*> decided;
};

}  // namespace

TEST_CASE("so many are let in at once, the others wait, and each that ends lets the next one in") {
  places_and_line s(2);
  for (int i = 0; i < 5; ++i) s.ask(line_from);
  CHECK(s.decided.size() == 2);
  CHECK(s.line.size() == 3);
  CHECK(s.in_flight() == 2);
  for (std::size_t i = 2; i < 5; ++i) {
    s.end_one(10ms, line_from + 10ms);
    REQUIRE(s.decided.size() == i + 1);
    CHECK(s.decided[i] == &s.asked[i]);
    CHECK(s.asked[i].let_in);
    CHECK(s.asked[i].entered == line_from + 10ms);
    CHECK(s.in_flight() == 2);
  }
  s.end_one(10ms, line_from + 20ms);
  s.end_one(10ms, line_from + 20ms);
  CHECK(s.in_flight() == 0);
}

TEST_CASE("a higher priority is let in before those who came earlier") {
  places_and_line s(1);
  s.ask(line_from);
  limit_request& low = s.ask(line_from, priority::low);
  limit_request& high = s.ask(line_from, priority::high);
  limit_request& other = s.ask(line_from, priority::low);
  for (int i = 0; i < 3; ++i) s.end_one(1ms, line_from + 1ms);
  CHECK(s.decided == std::vector<limit_request*>{&s.asked[0], &high, &low, &other});
}

TEST_CASE("nobody takes a free place before one of his priority who waits for it") {
  places_and_line s(1);
  s.ask(line_from);
  s.ask(line_from);
  detail::limit_places& places = s.line.places();
  (void)places.give_back();
  CHECK(!places.try_take(priority::low));
  CHECK(!places.try_take(priority::normal));
  CHECK(places.try_take(priority::high));
  (void)places.give_back();
  s.line.look(line_from);
  CHECK(places.in_flight == 1);
  CHECK(s.line.size() == 0);
}

TEST_CASE("a full line refuses its like and lower ones, and makes room for a higher priority") {
  places_and_line s(1, 2);
  s.ask(line_from);
  limit_request& first = s.ask(line_from, priority::low);
  limit_request& last = s.ask(line_from, priority::low);
  limit_request& equal = s.ask(line_from, priority::low);
  CHECK(s.is_decided(equal));
  CHECK(equal.why.code == errc::queue_full);
  CHECK(!s.is_decided(last));
  limit_request& higher = s.ask(line_from, priority::normal);
  CHECK(!s.is_decided(higher));
  CHECK(s.is_decided(last));
  CHECK(!last.let_in);
  CHECK(last.why.code == errc::queue_full);
  CHECK(!s.is_decided(first));
  CHECK(s.line.size() == 2);
}

TEST_CASE("without a line those who find no place are refused, and told when one may be free") {
  places_and_line s(4, 0);
  for (int i = 0; i < 4; ++i) s.ask(line_from);
  s.end_one(100ms, line_from + 100ms);
  s.ask(line_from + 100ms);
  limit_request& refused = s.ask(line_from + 100ms);
  CHECK(s.is_decided(refused));
  CHECK(refused.why.code == errc::not_admitted);
  CHECK(refused.why.retry_after == 25ms);
}

TEST_CASE("a request that cannot be answered before its deadline behind those who wait is refused on arrival") {
  places_and_line s(2, 100);
  s.ask(line_from);
  s.ask(line_from);
  s.end_one(100ms, line_from);  // so a place is free every 50 ms
  s.ask(line_from);
  s.ask(line_from);  // waits 50 ms, and takes 100 ms
  limit_request& too_late = s.ask(line_from, priority::normal, line_from + 200ms);
  CHECK(s.is_decided(too_late));
  CHECK(too_late.why.code == errc::not_admitted);
  CHECK(too_late.why.retry_after == 100ms);
  CHECK(!s.is_decided(s.ask(line_from, priority::normal, line_from + 201ms)));
  CHECK(!s.is_decided(s.ask(line_from, priority::high, line_from + 151ms)));
  CHECK(!s.is_decided(s.ask(line_from)));
}

TEST_CASE("a request leaves the line as soon as too little of its time is left for the work") {
  places_and_line s(1, 100);
  s.ask(line_from);
  limit_request& early = s.ask(line_from, priority::normal, line_from + 300ms);
  CHECK(s.line.next_moment() == line_from + 300ms);
  s.line.places().note({.latency = 100ms});
  s.advance(line_from + 199ms);
  CHECK(!s.is_decided(early));
  s.advance(line_from + 200ms);
  CHECK(s.is_decided(early));
  CHECK(early.why.code == errc::not_admitted);
  CHECK(s.line.next_moment() == no_deadline);
  CHECK(s.line.size() == 0);
}

TEST_CASE("a request whose time in line was forecast too short is looked at again") {
  places_and_line s(1, 100);
  s.line.places().note({.latency = 100ms});
  s.ask(line_from);
  limit_request& r = s.ask(line_from, priority::normal, line_from + 300ms);
  CHECK(s.line.next_moment() == line_from + 200ms);
  for (int i = 0; i < 100; ++i) s.line.places().note({.latency = 10ms});
  s.advance(line_from + 200ms);
  CHECK(!s.is_decided(r));
  CHECK(s.line.next_moment() > line_from + 280ms);
  s.end_one(10ms, line_from + 210ms);
  CHECK(r.let_in);
  CHECK(s.line.next_moment() == no_deadline);
}

TEST_CASE("a deadline that has passed is one, and not a place that is missing") {
  places_and_line s(1);
  CHECK(s.ask(line_from, priority::normal, line_from).why.code == errc::deadline_exceeded);
  CHECK(s.in_flight() == 0);
  s.ask(line_from);
  limit_request& waits = s.ask(line_from, priority::normal, line_from + 1ms);
  s.advance(line_from + 1ms);
  CHECK(s.is_decided(waits));
  CHECK(waits.why.code == errc::deadline_exceeded);
}

TEST_CASE("who leaves the line is not let in, and does not hold back those behind him") {
  places_and_line s(1);
  s.ask(line_from);
  limit_request& leaves = s.ask(line_from, priority::high);
  limit_request& stays = s.ask(line_from, priority::low);
  CHECK(s.line.leave(leaves, line_from));
  CHECK(!s.line.leave(leaves, line_from));
  s.end_one(1ms, line_from);
  CHECK(!s.is_decided(leaves));
  CHECK(stays.let_in);
}

TEST_CASE("a limit that rises lets those in who wait, and one that falls nobody until enough have ended") {
  struct steps {
    std::size_t now = 2;
    [[nodiscard]] std::size_t limit() const { return now; }
    void ended(const ended_request& r, time_point) { now = r.latency == 1ms ? 4 : 1; }
  };
  limit_line line(steps{}, 8);
  std::deque<limit_request> asked(8);
  for (auto& r : asked) line.enter(r, line_from);
  CHECK(line.places().in_flight == 2);
  line.ended({.latency = 1ms}, line_from);
  CHECK(line.places().in_flight == 4);
  line.ended({.latency = 2ms}, line_from);
  line.ended({.latency = 2ms}, line_from);
  line.ended({.latency = 2ms}, line_from);
  CHECK(line.places().in_flight == 1);
  CHECK(line.size() == 3);
  line.ended({.latency = 2ms}, line_from);
  CHECK(line.places().in_flight == 1);
  CHECK(line.size() == 2);
}

TEST_CASE("a policy that says zero still lets one in") {
  limit_line line(fixed_limit{0}, 0);
  limit_request r;
  line.enter(r, line_from);
  CHECK(r.let_in);
}
