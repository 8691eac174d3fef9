// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the operator's endpoint answers.
#include "server/router.hpp"

#include <catena/http/operator_options.hpp>
#include <catena/runtime.hpp>

#include <functional>
#include <string_view>
#include <vector>

namespace catena::http {

/// operator_options::read_value.
using value_reader = std::function<result<decision>(const parked_record&, std::string_view)>;

[[nodiscard]] std::vector<server::route> operator_routes(const runtime& rt, const operator_options& options);

/// PUT /policy.
[[nodiscard]] server::answer apply_policy(const runtime& rt, const server::request& asked);

/// POST /runs/{ticket}.
[[nodiscard]] server::answer decide_run(const runtime& rt, const value_reader& read_value, const server::request& asked);

}  // namespace catena::http
