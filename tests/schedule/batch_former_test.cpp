// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/batch_former.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using catena::batch_decision;
using catena::batch_former;
using catena::batch_options;
using catena::time_point;

constexpr time_point former_start{1h};

std::string fault_of(const batch_options& options) {
  try {
    check(options);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "none";
}

}  // namespace

TEST_CASE("a batch former without max_delay takes whatever waits at once") {
  const batch_former former({.max_size = 8});
  CHECK(!former.needs_time());
  CHECK(former.form({.count = 1, .oldest = former_start}, former_start).take == 1);
  CHECK(former.form({.count = 7, .oldest = former_start}, former_start).take == 7);
}

TEST_CASE("a batch former never takes more than max_size") {
  const batch_former former({.max_size = 8});
  CHECK(former.form({.count = 8, .oldest = former_start}, former_start).take == 8);
  CHECK(former.form({.count = 9, .oldest = former_start}, former_start).take == 8);
  CHECK(former.form({.count = 1000, .oldest = former_start}, former_start).take == 8);
}

TEST_CASE("a batch former takes nothing from an empty queue and does not ask to be woken") {
  CHECK(batch_former({.max_size = 8}).form({}, former_start) == batch_decision{});
  CHECK(batch_former({.max_size = 8, .max_delay = 5ms}).form({}, former_start) == batch_decision{});
}

TEST_CASE("a batch former with max_delay waits until the oldest has waited that long") {
  const batch_former former({.max_size = 8, .max_delay = 5ms});
  const auto early = former.form({.count = 3, .oldest = former_start}, former_start + 4ms);
  CHECK(early.take == 0);
  CHECK(early.look_again == former_start + 5ms);
  CHECK(former.form({.count = 3, .oldest = former_start}, former_start + 5ms).take == 3);
}

TEST_CASE("a batch former with max_delay does not wait once max_size is reached") {
  const batch_former former({.max_size = 8, .max_delay = 5ms});
  CHECK(former.form({.count = 8, .oldest = former_start}, former_start).take == 8);
}

TEST_CASE("batch_options that are out of range are refused with the member's name") {
  CHECK(fault_of({}) == "none");
  CHECK(fault_of({.max_size = 0}) == "batch_options::max_size must be 1 to 65536, is 0");
  CHECK(fault_of({.max_size = 65'537}) == "batch_options::max_size must be 1 to 65536, is 65537");
  CHECK(fault_of({.max_delay = -1ms}) == "batch_options::max_delay must be 0 to 1 hour");
  CHECK(fault_of({.max_delay = 61min}) == "batch_options::max_delay must be 0 to 1 hour");
  CHECK(fault_of({.queue_capacity = 0}) == "batch_options::queue_capacity must be 1 to 16777216, is 0");
}
