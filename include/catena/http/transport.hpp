// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The seam below HTTP: byte streams, and what opens them.
#include <catena/result.hpp>
#include <catena/runtime/state.hpp>
#include <catena/runtime/wake.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace catena::http {

/// One operation of a transport, a part of whoever began it, who keeps it until it has ended.
struct io_node {
  /// Called once, on the runtime's executor, under no lock and never inside the function that began the operation. `wake::abandoned`: the
  /// executor is gone, and there is nothing to do but to free what it holds.
  void (*ended)(io_node& self, wake how, failure why, std::size_t bytes) = nullptr;
};

/// One byte stream between two ends. At most one read and one write are under way at once; a shutdown counts as a write.
///
/// What a stream ends with has the code `boost::asio::error::eof`; what close() ends has errc::cancelled.
/// \threads  safe
/// \lifetime held by whoever uses it and by its operations; what is read into or written from stays until the operation has ended
/// \cost     no allocation for an operation
class transport {
 public:
  virtual ~transport() = default;
  /// Reads at least a byte.
  virtual void read_some(std::span<char> into, io_node& done) = 0;
  /// Writes all.
  virtual void write(std::string_view bytes, io_node& done) = 0;
  /// Says that nothing more will be written.
  virtual void shutdown(io_node& done) = 0;
  /// Ends what is under way, at once. Nothing is said to the other end but that the stream is closed.
  virtual void close() noexcept = 0;
  /// Whether neither bytes nor the end wait to be read: a connection that nobody uses may be used again.
  [[nodiscard]] virtual bool is_quiet() noexcept = 0;
};

/// Opens streams. A client has one: the machine's own, or one that a test makes up.
/// \threads  safe
class network {
 public:
  virtual ~network() = default;
  /// Begins to open a stream to a host, which is a name or an address. Closing the stream gives up.
  /// \errors  errc::unavailable: tells what was tried
  [[nodiscard]] virtual std::shared_ptr<transport> open(const std::string& host, std::uint16_t port, io_node& opened) = 0;
};

struct tcp_options {
  /// How many lookups of names may be under way at once, also such as nobody waits for any more, 1 to 64; each has a thread as long. A
  /// lookup cannot be stopped: more wait for one to end.
  std::size_t most_lookups = 4;
  /// How long one address of several is tried before the next one, 1 ms to 1 min.
  duration next_address_after = std::chrono::seconds(2);
};
/// \errors std::invalid_argument naming the member that is out of range
void check(const tcp_options& options);

/// TCP, by the addresses that the machine knows for a name, each in turn.
/// \errors std::invalid_argument: an option is out of range
[[nodiscard]] std::shared_ptr<network> make_tcp_network(std::shared_ptr<runtime_state> runtime, const tcp_options& options = {});

}  // namespace catena::http
