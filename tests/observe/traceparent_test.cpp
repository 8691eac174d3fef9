// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/thread_slot.hpp>
#include <catena/observe/traceparent.hpp>

#include <set>
#include <string>
#include <thread>

#include "support/catch.hpp"

namespace {

using catena::parse_traceparent;
constexpr const char* good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

}  // namespace

TEST_CASE("a traceparent is read, and written as it came") {
  const auto c = parse_traceparent(good);
  REQUIRE(c);
  CHECK(c->is_set());
  CHECK(c->is_sampled());
  CHECK(c->span_number() == 0x00f067aa0ba902b7);
  CHECK(to_traceparent(*c) == good);
  CHECK(!parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")->is_sampled());
}

TEST_CASE("a later version's traceparent is read as far as it is known") {
  CHECK(parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  CHECK(parse_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-then"));
}

TEST_CASE("what is no traceparent is none") {
  for (const char* const bad : {"", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
                                "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"})
    if (parse_traceparent(bad)) FAIL_CHECK(bad << " was taken for one");
}

TEST_CASE("each thread has a number of its own while it lives, and one that is free again is given to another", "[concurrency]") {
  using catena::detail::thread_slot;
  const std::size_t mine = thread_slot::mine();
  std::set<std::size_t> seen;
  for (int i = 0; i < 200; ++i) std::thread([&] { seen.insert(thread_slot::mine()); }).join();
  CHECK(thread_slot::mine() == mine);
  CHECK(!seen.contains(mine));
  CHECK(seen.size() == 1);
}
