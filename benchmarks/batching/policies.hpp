// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The subjects: ways to join requests into batches. A new one is a line in policies.cpp.
#include <catena/model/model_options.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include "support/harness.hpp"
#include "support/networks/networks.hpp"

namespace batching {

inline constexpr std::size_t max_batch = 64;

[[nodiscard]] std::vector<std::string> policies();

/// The network, served with this policy by a model that knows nothing of what batches cost.
[[nodiscard]] catena::torch::script_options script_with(const bench::network& net, const std::string& policy, std::size_t queue_capacity);

/// `learnt_ms`, after which the policy knew what batches cost; nothing if it did not or never learns.
[[nodiscard]] std::vector<bench::reading> learning_readings(const catena::model_stats& stats);

}  // namespace batching
