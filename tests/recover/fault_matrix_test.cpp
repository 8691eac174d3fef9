// SPDX-License-Identifier: BSL-1.0
/// \file
/// Every kind of work, with everything that can go wrong with it, with each thing that may be said about a stage and each pair of them:
/// each run ends once, in time, as the documented order says.
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
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
std::string matrix_fault_of_requests(scene& here, expectation& expected) {
  for (std::size_t i = 0; i < requests; ++i) {
    const run_end end = expected.ask(i);
    std::string what = matrix_difference("request " + std::to_string(i + 1), end, here.request(i));
    if (what.empty() && here.has_kept() != expected.has_kept())
      what = "after request " + std::to_string(i + 1) + " the cache holds " + (here.has_kept() ? "an answer" : "nothing");
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
  if (const std::string what = matrix_fault_of_requests(here, expected); !what.empty()) return what;
  if (const std::string what = matrix_difference("the neighbour", expected.neighbour_end(), here.neighbour_end()); !what.empty()) return what;
  if (const std::string what = matrix_difference("much later", expected.much_later(), here.much_later()); !what.empty()) return what;
  return here.remains();
}

/// All cells that are otherwise like this one.
void check_cells_like(cell c) {
  static const std::vector<dress> all = dresses();
  constexpr std::uint64_t orders = is_sanitized ? 1 : 3;
  std::size_t cells = 0, wrong = 0;
  for (const kind& k : kinds) {
    for (const dress& d : all) {
      c.made_of = &k;
      c.wears = d;
      if (!c.makes_sense()) continue;
      for (std::uint64_t i = 0; i < orders && wrong < 20; ++i) {
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
    for (std::size_t i = 0; i < requests; ++i)
      if (!is_as(documented.ask(i), other.ask(i)) || documented.has_kept() != other.has_kept()) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("fault matrix: of two policies that changed places some cell would tell") {
  const std::array told{fault::throws, fault::error, fault::hangs, fault::silent, fault::slow, fault::dead, fault::deaf, fault::flaky};
  for (std::size_t a = 0; a < policy_count; ++a) {
    for (std::size_t b = a + 1; b < policy_count; ++b) {
      layer_order other = documented_order;
      std::swap(other[a], other[b]);
      std::size_t shown = 0;
      for (const dress& d : dresses())
        for (const fault f : told)
          if (d.set == (just(other[a]) | just(other[b]))) shown += shows_in_cells_like({.what = f, .wears = d}, other);
      INFO(a << " " << b);
      CHECK(shown > 0);
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
  for (std::uint64_t seed = 1; seed <= 4; ++seed) check_cells_like({.what = fault::flaky, .seed = seed, .has_deadline = seed % 2 == 0});
}

TEST_CASE("fault matrix: work that is dead ends as the documented order says") {
  check_cells_like({.what = fault::dead});
  check_cells_like({.what = fault::dead, .has_deadline = false});
}

TEST_CASE("fault matrix: work that ignores cancellation holds up nobody longer than the documented order says") {
  check_cells_like({.what = fault::deaf});
}

TEST_CASE("fault matrix: a run that is cancelled ends at that moment, wherever it is") {
  for (const auto when : {0us, 500us, 1'500us, 2'700us, 4'600us, 9'300us}) check_cells_like({.what = fault::cancelled, .cancelled_after = when});
}

TEST_CASE("fault matrix: a run that is cancelled waits for work that ignores it until its deadline at most") {
  for (const auto when : {500us, 2'700us, 4'600us, 9'300us}) check_cells_like({.what = fault::cancelled_deaf, .cancelled_after = when});
}

}  // namespace catena::test::matrix
