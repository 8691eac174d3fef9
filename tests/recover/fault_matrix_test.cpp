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
std::string matrix_fault_of_requests(scene& here, documented_order& order) {
  for (std::size_t i = 0; i < requests; ++i) {
    const run_end expected = order.ask(i);
    std::string what = matrix_difference("request " + std::to_string(i + 1), expected, here.request(i));
    if (what.empty() && here.has_kept() != order.has_kept())
      what = "after request " + std::to_string(i + 1) + " the cache holds " + (here.has_kept() ? "an answer" : "nothing");
    if (!what.empty()) return what;
  }
  if (here.left_behind() == order.left_behind()) return {};
  return std::to_string(here.left_behind()) + " left behind instead of " + std::to_string(order.left_behind());
}

/// What is not as it should be in a cell; empty: nothing.
std::string matrix_fault_in(const cell& c) {
  scene here(c);
  try {
    here.build();
    if (documented_order::is_fault(c)) return "its chain was built";
  } catch (const graph_error& e) {
    return documented_order::is_fault(c) ? "" : e.what();
  }
  documented_order order(c);
  here.begin();
  if (const std::string what = matrix_fault_of_requests(here, order); !what.empty()) return what;
  if (const std::string what = matrix_difference("the neighbour", order.neighbour_end(), here.neighbour_end()); !what.empty()) return what;
  if (const std::string what = matrix_difference("much later", order.much_later(), here.much_later()); !what.empty()) return what;
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

}  // namespace

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
