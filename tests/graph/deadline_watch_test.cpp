// SPDX-License-Identifier: BSL-1.0
// When a walk over cheap stages looks at the clock.
#include <catena/graph/deadline_watch.hpp>

#include <support/catch.hpp>

#include <cstdint>

using catena::graph::deadline_watch;
using catena::graph::resolution_cycles;

namespace {

constexpr std::uint64_t began = 1'000'000;

}  // namespace

TEST_CASE("a deadline watch that starts unsure looks after the first stage, then trusts cheap ones") {
  deadline_watch watch(1, began);
  CHECK(watch.stride() == 1);
  CHECK_FALSE(watch.due(began + 20));
  CHECK(watch.stride() == deadline_watch::longest_stride);
}

TEST_CASE("a deadline watch looks at every stage once stages are long") {
  deadline_watch watch(deadline_watch::longest_stride, began);
  CHECK(watch.due(began + deadline_watch::longest_stride * resolution_cycles));
  CHECK(watch.stride() == 1);
}

TEST_CASE("a deadline watch runs fewer stages in a block the longer they take") {
  deadline_watch watch(1, began);
  CHECK_FALSE(watch.due(began + 999));
  CHECK(watch.stride() == 8);
  (void)watch.due(began + 999 + 8 * 3'999);
  CHECK(watch.stride() == 2);
}

TEST_CASE("a deadline watch reads the clock once for all the stages in which it cannot have moved") {
  deadline_watch watch(1, began);
  CHECK_FALSE(watch.due(began + resolution_cycles / 2));
  CHECK(watch.due(began + resolution_cycles));
  CHECK_FALSE(watch.due(began + resolution_cycles + resolution_cycles / 2));
  CHECK(watch.due(began + 2 * resolution_cycles));
}

TEST_CASE("a deadline watch without a cycle counter reads the clock after every block") {
  deadline_watch watch(1, 0);
  CHECK(watch.due(0));
  CHECK(watch.due(0));
  CHECK(watch.stride() == deadline_watch::longest_stride);
}
