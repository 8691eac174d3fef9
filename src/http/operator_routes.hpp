// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the operator's endpoint answers.
#include "server/router.hpp"

#include <catena/http/operator_options.hpp>
#include <catena/runtime.hpp>

#include <vector>

namespace catena::http {

[[nodiscard]] std::vector<server::route> operator_routes(const runtime& rt, const operator_options& options);

/// PUT /policy.
[[nodiscard]] server::answer apply_policy(const runtime& rt, const server::request& asked);

/// POST /runs/{ticket}.
[[nodiscard]] server::answer decide_run(const runtime& rt, const operator_options& options, const server::request& asked);

}  // namespace catena::http
