// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Sends traces to whoever collects them, by OpenTelemetry's protocol.
#include <catena/http/client_options.hpp>
#include <catena/http/fields.hpp>
#include <catena/observe/tracer.hpp>
#include <catena/runtime.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace catena::http {

struct otlp_options {
  std::string endpoint = "http://localhost:4318";  ///< "v1/traces" comes under it; https, unless on loopback
  http::cleartext cleartext = http::cleartext::on_loopback;
  fields headers = {};                             ///< sent with each request, as a key
  std::string service_name = "unknown_service";    ///< what operators find it by
  std::string service_version = {};                ///< empty: none is told
  std::string service_instance_id = {};            ///< tells this process from others; empty: a random one
  /// What else is told of the service, as {"deployment.environment.name", "staging"}.
  std::vector<std::pair<std::string, trace_value>> resource = {};

  std::size_t max_batch_spans = 512;               ///< of one request, 1 to 100 000, but for the last trace that is in it
  std::size_t max_batch_bytes = 1 << 20;           ///< the same, of its body, 1 or more
  duration max_delay = std::chrono::seconds(5);    ///< how long a trace waits for others, 0 or more
  std::size_t max_waiting_spans = 20'000;          ///< with those on their way, 1 or more: what comes then is dropped
  std::size_t max_waiting_bytes = 16 << 20;        ///< the same, about, 1 or more
  /// How often a request is sent at most, 1 to 100: again where nobody was reached, the connection was lost, or the answer was 429, 502,
  /// 503 or 504.
  int attempts = 5;
  /// Before the second, more than zero; then twice as long, up to a minute, and up to a half less by chance; as long as the server says in
  /// Retry-After, up to ten minutes.
  duration first_wait = std::chrono::seconds(1);
  duration request_timeout = std::chrono::seconds(10);  ///< more than zero
  duration patience_at_end = std::chrono::seconds(5);   ///< for what waits when the exporter is destroyed, 0 or more
  client_options client = {};                      ///< certificates, proxy
  std::uint64_t seed = 0;                          ///< of the chance in first_wait, for tests; zero: another each time
};
/// \errors std::invalid_argument naming the member that is out of range
void check(const otlp_options& options);

/// In spans, but for the requests.
struct otlp_stats {
  std::uint64_t exported = 0;
  std::uint64_t dropped_waiting = 0;   ///< as many waited as may
  std::uint64_t dropped_refused = 0;   ///< the server did not want the request
  std::uint64_t dropped_rejected = 0;  ///< it took the request but for them
  std::uint64_t dropped_given_up = 0;  ///< after all attempts, or without an answer in time
  std::uint64_t dropped_at_end = 0;    ///< too late: the exporter was closed, or its executor destroyed
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;           ///< of them
  std::size_t waiting = 0;             ///< with those on their way
  std::size_t waiting_bytes = 0;       ///< about

  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_waiting + dropped_refused + dropped_rejected + dropped_given_up + dropped_at_end;
  }
};

namespace detail {
class otlp_core;
}

/// A sink that posts traces as OTLP/HTTP JSON, one request after the other. It has a runtime of its own, without a tracer, so that its
/// requests are nobody's traces:
///
///     const runtime aside(executor);
///     const auto exporter = std::make_shared<http::otlp_exporter>(aside, http::otlp_options{.service_name = "checkout"});
///     const runtime rt(executor, {.tracer = tracer::create({.sinks = {exporter}})});
///
/// What spans spent their time on becomes attributes, in seconds: catena.queue.seconds, catena.compute.seconds, and so on. A span that was
/// cancelled has the attribute catena.cancelled, and is no error. What became of spans is among the metrics of the runtime whose tracer has
/// it as a sink, as catena_otlp_*.
/// \resumes   nothing of it waits where a run ends: it works on the runtime's executor, which has work while traces wait
/// \threads   safe
/// \lifetime  whoever destroys it lets it send what waits, for as long as otlp_options::patience_at_end
/// \source    OTLP Specification 1.9
class otlp_exporter final : public trace_sink {
 public:
  /// \errors std::invalid_argument: an option is out of range, or the endpoint is no URL
  otlp_exporter(const runtime& aside, otlp_options options);
  ~otlp_exporter() override;
  otlp_exporter(const otlp_exporter&) = delete;
  otlp_exporter& operator=(const otlp_exporter&) = delete;

  void take(std::shared_ptr<const trace> t) noexcept override;
  /// The same as stats(), as metrics: of all exporters together.
  void collect(metric_set& to) const override;
  [[nodiscard]] otlp_stats stats() const noexcept;

  /// Sends at once what waits. The token's signature is `void(result<void>)`.
  /// \errors  errc::deadline_exceeded: not all of what was there has been sent or given up; it is tried further. errc::shutting_down: the
  ///          executor is being destroyed
  template <class Token>
  auto async_flush(time_point deadline, Token&& token) {
    return wait_in<ending::no>(core_, aside_.state(), deadline, std::forward<Token>(token));
  }
  /// The same for the last time: no trace is taken from now on, and what has not been sent at the deadline is dropped. A request that is
  /// on its way then ends by itself, within otlp_options::request_timeout.
  template <class Token>
  auto async_close(time_point deadline, Token&& token) {
    return wait_in<ending::yes>(core_, aside_.state(), deadline, std::forward<Token>(token));
  }
  /// Throws catena::error where async_close fails.
  [[nodiscard]] boost::asio::awaitable<void> close(time_point deadline) { return close_in(core_, aside_.state(), deadline); }

 private:
  enum class ending : bool { no, yes };

  static void begin_wait(detail::otlp_core& core, time_point deadline, ending how, const std::shared_ptr<drain_waiter>& waiter);
  template <ending How, class Token>
  static auto wait_in(std::shared_ptr<detail::otlp_core> core, std::shared_ptr<runtime_state> state, time_point deadline, Token&& token) {
    return boost::asio::async_initiate<Token, void(result<void>)>(
        [](auto handler, std::shared_ptr<detail::otlp_core> of, std::shared_ptr<runtime_state> home, time_point until) {
          auto executor = boost::asio::get_associated_executor(handler, home->ready->executor());
          begin_wait(*of, until, How, catena::detail::make_drain_waiter(std::move(executor), std::move(handler)));
        },
        token, std::move(core), std::move(state), deadline);
  }
  static boost::asio::awaitable<void> close_in(std::shared_ptr<detail::otlp_core> core, std::shared_ptr<runtime_state> state, time_point deadline) {
    result<void> closed = co_await wait_in<ending::yes>(std::move(core), std::move(state), deadline, boost::asio::use_awaitable);
    closed.value();
  }

  const runtime aside_;
  std::shared_ptr<detail::otlp_core> core_;
};

}  // namespace catena::http
