// SPDX-License-Identifier: BSL-1.0
#include "operator_routes.hpp"

namespace catena::http {

using server::answer;
using server::at_once;

std::vector<server::route> operator_routes(const runtime& rt, const operator_options& options) {
  return {
      {"GET", "/healthz", at_once([](const server::request&) { return answer{.body = "{\"status\":\"alive\"}\n"}; })},
      {"PUT", "/policy", at_once([rt](const server::request& asked) { return apply_policy(rt, asked); })},
      {"POST", "/runs/{ticket}", at_once([rt, read = options.read_value](const server::request& asked) { return decide_run(rt, read, asked); })},
  };
}

}  // namespace catena::http
