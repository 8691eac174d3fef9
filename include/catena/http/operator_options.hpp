// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Where the operator's endpoint is, and who may ask it.
#include <catena/incident/decision.hpp>
#include <catena/incident/parking_store.hpp>
#include <catena/observe/trace_ring.hpp>
#include <catena/result.hpp>
#include <catena/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace catena::http {

/// Who runs the operator's endpoint.
enum class served_by : bool {
  runtime_executor,
  own_thread  ///< answers also when the runtime's executor has no time, or hangs
};

struct operator_options {
  /// Where it listens: an address of this machine, or "localhost". Any but loopback needs certificate_file, key_file and a token.
  std::string address = "127.0.0.1";
  /// Zero: any that is free; operator_endpoint::port() tells.
  std::uint16_t port = 0;
  /// A file of PEM with the certificate and those that lead to its authority, read when the endpoint is made; empty: no TLS.
  std::string certificate_file = {};
  /// A file of PEM with its key, which needs no passphrase; empty: no TLS.
  std::string key_file = {};
  /// Whoever has it may change things: "Authorization: Bearer TOKEN". 16 to 1024 printable characters without spaces, of which nobody
  /// guesses one; empty: nothing is changed through the endpoint.
  std::string token = {};
  /// The environment variable that holds it instead; empty: none does.
  std::string token_variable = {};
  /// The names, without ports, by which it may be asked, beside localhost, 127.0.0.1, [::1] and `address`. Who asks for another one may be
  /// a page whose name leads here, and is refused.
  std::vector<std::string> hosts = {};
  /// How long the head of a request may be, 1 KiB to 1 MiB.
  std::size_t max_head_bytes = 16384;
  /// How long its body may be, 0 to 1 GiB.
  std::size_t max_body_bytes = 1 << 20;
  /// How many connections there may be, 1 to 65536. Where all are in use, one more is refused; where one is idle, that one is closed.
  std::size_t most_connections = 256;
  /// How long the head of a request may take to come, then its body, and then its answer to be taken, more than 0.
  duration request_time = std::chrono::seconds(10);
  /// How long a connection may be open without a request, more than 0.
  duration idle_time = std::chrono::minutes(1);
  /// How long answers that are under way may take when the endpoint is closed, 0 or more.
  duration closing_time = std::chrono::seconds(2);
  served_by executor = served_by::runtime_executor;
  /// Models that must be able to compute at once for the service to be ready, by name; others may come and go. None of these names: it is
  /// not ready.
  std::vector<std::string> must_be_hot = {};
  /// One of the tracer's sinks, of which the endpoint tells the last requests; null: it tells of none that has ended.
  std::shared_ptr<const trace_ring> recent = nullptr;
  /// Makes the decision to use a value, which a person wrote as JSON, for the stage that `run` waits at. Empty: truth values, numbers and
  /// texts are taken for stages that answer a bool, an arithmetic type or a std::string.
  std::function<result<decision>(const parked_record& run, std::string_view value)> read_value = nullptr;
};
/// \errors std::invalid_argument naming the member that is out of range
void check(const operator_options& options);

}  // namespace catena::http
