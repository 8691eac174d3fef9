// SPDX-License-Identifier: BSL-1.0
/// \file
/// Every kind of work, with everything that can go wrong with it, with each thing that may be said about a stage and each pair of them:
/// each run ends once, in time, as the documented order says.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "recover/fault_matrix_order.hpp"
#include "recover/fault_matrix_world.hpp"
#include "support/sanitized.hpp"

#include "support/catch.hpp"

namespace catena::test::matrix {
namespace {

std::string matrix_difference(const std::string& who, const run_end& expected, const std::optional<run_end>& got) {
  if (got && is_as(expected, *got)) return {};
  return who + ": expected " + in_words(expected) + "; got " + (got ? in_words(*got) : "no end, or more than one");
}

/// What the requests of a cell do that they should not; empty: nothing.
std::string matrix_fault_of_requests(const cell& c, scene& here, expectation& expected) {
  for (std::size_t i = 0; i < requests; ++i) {
    const std::string number = std::to_string(i + 1);
    std::optional<run_end> neighbour;
    if (c.has_neighbour(i)) neighbour = expected.ask_neighbour(i);
    std::string what = matrix_difference("request " + number, expected.ask(i), here.request(i));
    if (what.empty() && neighbour) what = matrix_difference("the neighbour of request " + number, *neighbour, here.neighbour_end());
    if (what.empty() && here.has_kept() != expected.has_kept())
      what = "after request " + number + " the cache holds " + (here.has_kept() ? "an answer" : "nothing");
    if (!what.empty()) return what;
  }
  if (here.left_behind() == expected.left_behind()) return {};
  return std::to_string(here.left_behind()) + " left behind instead of " + std::to_string(expected.left_behind());
}

/// What is not as it should be in a cell; empty: nothing.
std::string matrix_fault_in(const cell& c) {
  scene here(c);
  try {
    here.build();
    if (expectation::is_fault(c)) return "its chain was built";
  } catch (const graph_error& e) {
    return expectation::is_fault(c) ? "" : e.what();
  }
  expectation expected(c);
  here.begin();
  if (const std::string what = matrix_fault_of_requests(c, here, expected); !what.empty()) return what;
  if (const std::string what = matrix_difference("much later", expected.much_later(), here.much_later()); !what.empty()) return what;
  return here.remains();
}

/// All cells that are otherwise like this one.
void check_cells_like(cell c) {
  static const std::vector<dress> all = dresses();
  constexpr std::uint64_t orders = times(2U, 1U);
  std::size_t cells = 0, wrong = 0;
  for (const kind& k : kinds) {
    for (const dress& d : all) {
      c.made_of = &k;
      c.wears = d;
      if (!c.makes_sense()) continue;
      const std::uint64_t times = d.has(policy::fail_early) ? 1 : orders;  // it is taught each time
      for (std::uint64_t i = 0; i < times && wrong < 20; ++i) {
        c.order = cells++;
        const std::string what = matrix_fault_in(c);
        if (what.empty()) continue;
        INFO(c.words() << ": " << what);
        CHECK(what.empty());
        ++wrong;
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(cells >= orders * 400);
}

/// Whether a stage that stood in another order would be seen to, in cells that are otherwise like this one.
bool shows_in_cells_like(cell c, const layer_order& order) {
  for (const kind& k : kinds) {
    c.made_of = &k;
    if (!c.makes_sense() || expectation::is_fault(c)) continue;
    expectation documented(c), other(c, order);
    for (std::size_t i = 0; i < requests; ++i) {
      if (c.has_neighbour(i) && !is_as(documented.ask_neighbour(i), other.ask_neighbour(i))) return true;
      if (!is_as(documented.ask(i), other.ask(i)) || documented.has_kept() != other.has_kept()) return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("fault matrix: if two policies changed places some cell would tell, but for those that do the same either way round") {
  const std::array told{fault::throws, fault::error, fault::hangs, fault::silent, fault::slow, fault::dead, fault::deaf, fault::flaky};
  // The shorter of two limits ends both, a hit takes no time, and so on: with a third policy between them it would not be the same.
  const std::set<policy_set> same_either_way{
      just(policy::fallback) | just(policy::cache), just(policy::fallback) | just(policy::hedge),  just(policy::timeout) | just(policy::cache),
      just(policy::timeout) | just(policy::breaker), just(policy::timeout) | just(policy::attempt_timeout), just(policy::cache) | just(policy::retry),
      just(policy::cache) | just(policy::breaker),  just(policy::cache) | just(policy::attempt_timeout), just(policy::breaker) | just(policy::queue),
      just(policy::breaker) | just(policy::bulkhead), just(policy::fail_early) | just(policy::attempt_timeout)};
  const std::vector<dress> all = dresses();
  for (std::size_t a = 0; a < policy_count; ++a) {
    for (std::size_t b = a + 1; b < policy_count; ++b) {
      layer_order other = documented_order;
      std::swap(other[a], other[b]);
      const policy_set both = just(other[a]) | just(other[b]);
      bool tells = false;
      for (const dress& d : all)
        for (const fault f : told) tells = tells || (d.set == both && shows_in_cells_like({.what = f, .wears = d}, other));
      INFO("layers " << a << " and " << b << ", from the outside in");
      CHECK(tells == !same_either_way.contains(both));
    }
  }
}

TEST_CASE("fault matrix: work that does well answers, once its turn has come") { check_cells_like({}); }

TEST_CASE("fault matrix: work that throws ends as the documented order says") {
  check_cells_like({.what = fault::throws});
  check_cells_like({.what = fault::throws, .has_deadline = false});
}

TEST_CASE("fault matrix: work that fails ends as the documented order says, by what its failure is worth") {
  check_cells_like({.what = fault::error});
  check_cells_like({.what = fault::refuses});
  check_cells_like({.what = fault::error, .has_deadline = false});
}

TEST_CASE("fault matrix: work that hangs ends as the documented order says, at the first moment that somebody has set it") {
  check_cells_like({.what = fault::hangs});
  check_cells_like({.what = fault::silent});
}

TEST_CASE("fault matrix: work that is slow ends as the documented order says") {
  check_cells_like({.what = fault::slow});
  check_cells_like({.what = fault::slow, .has_deadline = false});
}

TEST_CASE("fault matrix: work that fails three times in ten ends as the documented order says, whichever times these are") {
  for (std::uint64_t seed = 1; seed <= times(4U, 2U); ++seed) check_cells_like({.what = fault::flaky, .seed = seed, .has_deadline = seed % 2 == 0});
}

TEST_CASE("fault matrix: .fail_early that asks for a hundred calls refuses nobody who has seen one less, whatever else is said") {
  for (const bool is_known : {false, true}) {
    std::size_t cells = 0;
    for (dress d : dresses()) {
      if (!d.has(policy::fail_early)) continue;
      d.said.calls_asked_for = 100;
      d.said.lessons = (is_known ? 100 : 99) - (d.has(policy::hedge) ? hedge_lessons : 0);
      for (const kind& k : kinds) {
        const cell c{.made_of = &k, .what = fault::refuses, .wears = d, .order = cells++};  // which says nothing of how long it takes
        const std::string what = matrix_fault_in(c);
        INFO(c.words() << ": " << what);
        CHECK(what.empty());
      }
    }
    CHECK(cells >= 200);
  }
}

TEST_CASE("fault matrix: work that is dead ends as the documented order says") {
  check_cells_like({.what = fault::dead});
  check_cells_like({.what = fault::dead, .has_deadline = false});
}

TEST_CASE("fault matrix: work that ignores cancellation holds up nobody longer than the documented order says") {
  check_cells_like({.what = fault::deaf});
}

TEST_CASE("fault matrix: a run that is cancelled ends at that moment, wherever it is") {
  constexpr std::array moments{0us, 1'500us, 4'600us, 500us, 2'700us, 9'300us};
  for (std::size_t i = 0; i < times(6U, 3U); ++i) check_cells_like({.what = fault::cancelled, .cancelled_after = moments[i]});
}

TEST_CASE("fault matrix: a run that is cancelled waits for work that ignores it until its deadline at most") {
  constexpr std::array moments{500us, 4'600us, 2'700us, 9'300us};
  for (std::size_t i = 0; i < times(4U, 2U); ++i) check_cells_like({.what = fault::cancelled_deaf, .cancelled_after = moments[i]});
}

}  // namespace catena::test::matrix
