// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The contenders: one for each policy.
#include <catena/balance/balancing_policies.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/harness.hpp"

namespace balance {

struct named_policy {
  std::string name;
  std::function<catena::balancing_policy(std::uint64_t seed)> make;
};

[[nodiscard]] const std::vector<named_policy>& policies();

void add_simulated(std::vector<bench::subject>& subjects);
void add_choosing(std::vector<bench::subject>& subjects);
void add_inline(std::vector<bench::subject>& subjects);

}  // namespace balance
