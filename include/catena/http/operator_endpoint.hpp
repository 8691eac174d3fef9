// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What an operator sees of a service, and may change while it runs, over HTTP.
#include <catena/http/operator_options.hpp>
#include <catena/runtime.hpp>

#include <cstdint>
#include <memory>

namespace catena::http {

/// Listens until it is closed or destroyed. As long as it does, its executor has work.
///
///     catena::http::operator_endpoint ops(rt, {.port = 9090, .token_variable = "OPS_TOKEN"});
///
/// | request | answers |
/// | --- | --- |
/// | GET / | a page that shows all this to a person, and asks for the token where it needs one |
/// | GET /healthz | 200 as long as the process lives |
/// | GET /readyz | 200, or 503 with reasons: the runtime drains, a model's queue is nearly full, or one is not hot that must be |
/// | GET /metrics | rt.metrics() in Prometheus' text format, or in OpenMetrics' where that is asked for |
/// | GET /chains | the chains that there are |
/// | GET /chains/{name} | one as JSON; `?format=mermaid`, `dot`, or `svg` with the times of its stages |
/// | GET /models | the models, with their queues, batches and where they are |
/// | GET /runs | runs in flight, and what each waits for; the last that failed or were slow, and the last of all, as trees of spans |
/// | POST /warmup | loads and warms up all models, or those of {"models": [names]}, which may be chains' names; answers with times when all are there |
/// | PUT /policy | applies a policy document, see apply_policies(); 400 lists all faults, and then nothing has changed |
/// | POST /runs/{ticket} | decides about a parked run by its token, see below; 404 for an unknown one, 409 where it is too late |
///
/// A decision is {"decision": "retry"}, {"decision": "skip"}, {"decision": "fail", "reason": text} or {"decision": "use", "value": any}.
///
/// All that is wrong is told as {"error": what}. A request that changes something needs the token, also on loopback, and may not come from a
/// page of another origin; one whose Host is none of operator_options::hosts is refused.
/// \threads  safe
/// \lifetime the order in which it, the runtime's handles and the executor are destroyed does not matter
class operator_endpoint {
 public:
  /// \errors std::invalid_argument naming the option; catena::error with errc::unavailable: nobody can listen there
  explicit operator_endpoint(const runtime& rt, operator_options options = {});
  operator_endpoint(operator_endpoint&&) noexcept;
  operator_endpoint& operator=(operator_endpoint&&) noexcept;
  /// Closes it. One that has its own thread waits for that, operator_options::closing_time at most.
  ~operator_endpoint();

  /// Where it listens, or did.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// From now on nobody is answered but those who have asked, and they for operator_options::closing_time. Returns at once.
  void close() noexcept;

 private:
  class implementation;
  std::unique_ptr<implementation> is_;
};

}  // namespace catena::http
