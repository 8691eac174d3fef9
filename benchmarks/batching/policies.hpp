// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The subjects: ways to join requests into batches. A new one is a line in policies.cpp.
#include <catena/model/model_options.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include "support/harness.hpp"

namespace batching {

inline constexpr std::size_t max_batch = 64;

[[nodiscard]] std::vector<std::string> policies();

[[nodiscard]] const catena::batch_options& options_of(const std::string& policy);

/// `learnt_ms`, after which the policy knew what batches cost; nothing if it did not or never learns.
[[nodiscard]] std::vector<bench::reading> learning_readings(const catena::model_stats& stats);

}  // namespace batching
