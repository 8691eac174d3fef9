// SPDX-License-Identifier: BSL-1.0
#include "operator_routes.hpp"

#include "page/operator_page.hpp"

#include <utility>

namespace catena::http {

using server::answer;
using server::at_once;

namespace {

answer show_page() {
  const web_page& page = operator_page();
  return {.body = page.text, .content_type = "text/html; charset=utf-8", .content_security_policy = page.content_security_policy};
}

}  // namespace

std::vector<server::route> operator_routes(const runtime& rt, const operator_options& options) {
  return {
      // A browser is shown the page without a token, which the page then asks for.
      {"GET", "/", at_once([](const server::request&) { return show_page(); }), server::shown_to::everybody},
      {"GET", "/healthz", at_once([](const server::request&) { return answer{.body = "{\"status\":\"alive\"}\n"}; })},
      {"GET", "/readyz", at_once([rt, hot = options.must_be_hot](const server::request&) { return readiness_of(rt, hot); })},
      {"GET", "/metrics", at_once([rt](const server::request& asked) { return metrics_of(rt, asked); })},
      {"GET", "/chains", at_once([rt](const server::request&) { return list_chains(rt); })},
      {"GET", "/chains/{name}", at_once([rt](const server::request& asked) { return show_chain(rt, asked); })},
      {"GET", "/models", at_once([rt](const server::request&) { return list_models(rt); })},
      {"GET", "/runs", at_once([rt, recent = options.recent](const server::request&) { return list_runs(rt, recent.get()); })},
      {"POST", "/warmup", [rt](const server::request& asked, server::reply to) { warm_up(rt, asked, std::move(to)); }},
      {"PUT", "/policy", at_once([rt](const server::request& asked) { return apply_policy(rt, asked); })},
      {"POST", "/runs/{ticket}", at_once([rt, read = options.read_value](const server::request& asked) { return decide_run(rt, read, asked); })},
  };
}

}  // namespace catena::http
