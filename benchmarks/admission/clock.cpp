// SPDX-License-Identifier: BSL-1.0
#include <chrono>

#include "asking.hpp"
#include "subjects.hpp"

namespace admission {

/// What is granted does not matter here: every second call says so.
void add_clock(std::vector<bench::subject>& subjects) {
  add(subjects, "clock", [](double) {
    return [even = false]() mutable {
      bench::keep(std::chrono::steady_clock::now());
      return even = !even;
    };
  });
}

}  // namespace admission
