// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Tells a service over HTTP that a run went wrong.
#include <catena/http/client_options.hpp>
#include <catena/http/fields.hpp>
#include <catena/http/url.hpp>
#include <catena/incident/incident.hpp>
#include <catena/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace catena::http {

struct webhook_options {
  std::string url = {};              ///< https, unless on loopback
  fields headers = {};               ///< sent with each, as a key
  /// What is posted; empty: to_json() of the incident. What it throws is told to the notifier, who counts the incident as lost.
  std::function<std::string(const incident&)> body = {};
  std::string content_type = "application/json";
  int attempts = 5;                  ///< how often one is posted at most, 1 to 100; only what may succeed later is tried again
  duration first_wait = std::chrono::seconds(1);  ///< before the second, more than zero; doubled each time, up to a minute; as long as the server says, up to ten
  std::size_t capacity = 100;        ///< that may wait for those before them, 1 to 1000000; one more is lost
  client_options client = {};        ///< timeouts, certificates, proxy
};
/// \errors std::invalid_argument naming the member that is out of range
void check(const webhook_options& options);

struct webhook_stats {
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;     ///< given up, which the log says
  std::size_t waiting = 0;
};

/// A sink for a notifier: each incident is posted, one after the other. A cheap shared handle.
///
///     http::webhook to_chat(rt, {.url = "https://hooks.example.com/catena", .headers = key});
///     const notifier to_us({.sinks = {to_chat}});
///
/// What has been posted may come twice, where the answer to it was lost.
/// \threads   safe
/// \lifetime  what waits is posted also when the last handle is gone, while the runtime's executor runs
class webhook {
 public:
  /// \errors std::invalid_argument: an option is out of range, or the URL is none
  webhook(const runtime& rt, webhook_options options);

  /// Waits for nothing.
  /// \errors std::runtime_error: as many wait as may
  void operator()(const incident& what) const;
  [[nodiscard]] webhook_stats stats() const noexcept;

 private:
  class core;
  std::shared_ptr<core> core_;
};

}  // namespace catena::http
