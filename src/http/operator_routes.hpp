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

/// GET /metrics.
[[nodiscard]] server::answer metrics_of(const runtime& rt, const server::request& asked);
/// GET /readyz.
[[nodiscard]] server::answer readiness_of(const runtime& rt, const std::vector<std::string>& must_be_hot);
[[nodiscard]] server::answer list_chains(const runtime& rt);
/// GET /chains/{name}.
[[nodiscard]] server::answer show_chain(const runtime& rt, const server::request& asked);
[[nodiscard]] server::answer list_models(const runtime& rt);
/// \param recent  null: there is none
[[nodiscard]] server::answer list_runs(const runtime& rt, const trace_ring* recent);
/// POST /warmup.
void warm_up(const runtime& rt, const server::request& asked, server::reply to);

/// PUT /policy.
[[nodiscard]] server::answer apply_policy(const runtime& rt, const server::request& asked);

/// POST /runs/{ticket}.
[[nodiscard]] server::answer decide_run(const runtime& rt, const value_reader& read_value, const server::request& asked);

}  // namespace catena::http
