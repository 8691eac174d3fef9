// SPDX-License-Identifier: BSL-1.0
/// \file
/// Which failures a person is told of.
#include <catena/error.hpp>
#include <catena/incident/notice_filter.hpp>

#include <chrono>
#include <string>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using namespace catena;

constexpr time_point filter_start{1h};

notice_filter filter_of(notice_options options) { return notice_filter(options, filter_start); }
notice_filter wide_filter() { return filter_of({.limit = {.refill = {.tokens = 1000}, .capacity = 1000}, .window = 1min}); }

const auto filter_failed = make_error_code(errc::stage_failed);
const auto filter_full = make_error_code(errc::queue_full);

}  // namespace

TEST_CASE("of failures that are alike one is told in each window, and the next one says how many were not") {
  auto filter = wide_filter();
  CHECK(filter.admit("c/s", filter_failed, filter_start));
  for (int i = 1; i < 60; ++i) CHECK_FALSE(filter.admit("c/s", filter_failed, filter_start + i * 1s));
  const auto next = filter.admit("c/s", filter_failed, filter_start + 1min);
  REQUIRE(next);
  CHECK(next->alike == 59);
  CHECK(next->all == 59);
  const auto after = filter.admit("c/s", filter_failed, filter_start + 2min);
  REQUIRE(after);
  CHECK(after->alike == 0);
}

TEST_CASE("failures are alike by stage and code, whichever item of an each it was") {
  auto filter = wide_filter();
  CHECK(filter.admit("c/items[1]/s", filter_failed, filter_start));
  CHECK_FALSE(filter.admit("c/items[17]/s", filter_failed, filter_start));
  CHECK(filter.admit("c/items[1]/s", filter_full, filter_start));
  CHECK(filter.admit("c/items[1]/t", filter_failed, filter_start));
  const auto other = make_error_code(boost::system::errc::timed_out);
  CHECK(filter.admit("c/items[1]/s", other, filter_start));
}

TEST_CASE("of failures of all kinds no more are told than the rate allows, and the next one says how many were not") {
  auto filter = filter_of({.limit = {.refill = {.tokens = 1, .per = 10s}, .capacity = 2}, .window = 1min});
  int told = 0;
  for (int i = 0; i < 30; ++i) told += filter.admit("c/" + std::to_string(i), filter_failed, filter_start).has_value();
  CHECK(told == 2);
  const auto next = filter.admit("c/new", filter_failed, filter_start + 10s);
  REQUIRE(next);
  CHECK(next->alike == 0);
  CHECK(next->all == 28);
}

TEST_CASE("what must be told is told beyond rate and window, and counts as told") {
  auto filter = filter_of({.limit = {.refill = {.tokens = 1, .per = 1h}, .capacity = 1}, .window = 1min});
  CHECK(filter.admit("c/s", filter_failed, filter_start));
  CHECK_FALSE(filter.admit("c/s", filter_failed, filter_start));
  CHECK(filter.admit_always("c/s", filter_failed, filter_start).alike == 1);
  CHECK(filter.admit_always("c/s", filter_failed, filter_start).alike == 0);
}

TEST_CASE("a filter keeps a bounded number of kinds in mind: the one not seen for longest is forgotten") {
  auto filter = filter_of({.limit = {.refill = {.tokens = 1000}, .capacity = 1000}, .window = 1h, .most_kinds = 2});
  CHECK(filter.admit("a", filter_failed, filter_start));
  CHECK(filter.admit("b", filter_failed, filter_start));
  CHECK_FALSE(filter.admit("a", filter_failed, filter_start));
  CHECK(filter.admit("c", filter_failed, filter_start));
  CHECK_FALSE(filter.admit("a", filter_failed, filter_start));
  CHECK(filter.admit("b", filter_failed, filter_start));
}

TEST_CASE("options of a filter that are out of range are named") {
  using Catch::Matchers::ContainsSubstring;
  CHECK_THROWS_WITH(filter_of({.window = -1s}), ContainsSubstring("notice_options::window"));
  CHECK_THROWS_WITH(filter_of({.most_kinds = 0}), ContainsSubstring("notice_options::most_kinds"));
  CHECK_THROWS_WITH(filter_of({.limit = {.capacity = 0}}), ContainsSubstring("capacity"));
}
