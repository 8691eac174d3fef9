// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A network inside of the process, for tests in virtual time.
#include <catena/http/transport.hpp>
#include <catena/runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace catena::http {

struct memory_network_options {
  /// How many bytes one read gives at most, 1 or more: with 1, streams are split at every byte.
  std::size_t most_at_once = 65536;
  /// How many bytes one end has written that the other one has not read, 1 or more: writing more waits.
  std::size_t capacity = 65536;
};

/// The server's end of a stream of a memory_network.
struct memory_arrival {
  std::shared_ptr<transport> stream;
  /// Ends the stream as a lost connection does: what is on its way is lost, too.
  std::function<void()> reset;
};

/// Streams that are kept in memory. Nothing is looked up, and time passes only where the runtime's does.
///
///     auto net = std::make_shared<memory_network>(rt);
///     net->listen("api.test", 80, [](memory_arrival a) { ... });
///     client c(rt, {.network = net});
///
/// \threads  safe
class memory_network final : public network {
 public:
  using accept = std::function<void(memory_arrival)>;

  explicit memory_network(const runtime& rt, const memory_network_options& options = {});

  /// Calls `to` with the server's end of each stream that is opened to this host and port, on the runtime's executor. An empty one never
  /// answers: opening hangs until it is given up.
  void listen(const std::string& host, std::uint16_t port, accept to);
  /// \errors  errc::unavailable: nobody listens there
  [[nodiscard]] std::shared_ptr<transport> open(const std::string& host, std::uint16_t port, io_node& opened) override;
  /// How many streams were opened.
  [[nodiscard]] std::size_t opened_count() const;

 private:
  const std::shared_ptr<runtime_state> runtime_;
  const memory_network_options options_;
  mutable std::mutex mutex_;
  std::map<std::string, accept> listening_;
  std::size_t opened_ = 0;
};

}  // namespace catena::http
