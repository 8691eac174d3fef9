// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is wrong with a chain that cannot be built.
#include <catena/error.hpp>

#include <string>
#include <vector>

namespace catena::test {

/// The faults that build() throws; none: it builds.
template <class Build>
[[nodiscard]] std::vector<std::string> faults_when(Build build) {
  try {
    (void)build();
  } catch (const graph_error& e) {
    return e.faults();
  }
  return {};
}

}  // namespace catena::test
