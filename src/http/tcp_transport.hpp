// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A TCP connection, from the lookup of its name on.
#include "lookup.hpp"

#include <catena/runtime/brief_mutex.hpp>
#include <catena/runtime/memory_slot.hpp>
#include <catena/runtime/pinned_timer.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace catena::http {

/// A node's end on its way through Asio; destroyed uncalled, the executor is gone.
class io_end {
 public:
  io_end(io_node& node, std::shared_ptr<void> pinned) noexcept : node_(&node), pinned_(std::move(pinned)) {}
  io_end(io_end&& other) noexcept : node_(std::exchange(other.node_, nullptr)), pinned_(std::move(other.pinned_)) {}
  io_end& operator=(io_end&&) = delete;
  ~io_end() {
    if (node_) node_->ended(*node_, wake::abandoned, {}, 0);
  }
  void operator()(failure why, std::size_t bytes = 0) {
    io_node& node = *std::exchange(node_, nullptr);
    node.ended(node, wake::resumed, std::move(why), bytes);
  }

 private:
  io_node* node_;
  std::shared_ptr<void> pinned_;  ///< it holds the memory of the operation, too
};

class tcp_transport final : public transport, public std::enable_shared_from_this<tcp_transport> {
 public:
  using tcp = boost::asio::ip::tcp;

  explicit tcp_transport(std::shared_ptr<runtime_state> runtime);
  /// One that is connected already.
  tcp_transport(std::shared_ptr<runtime_state> runtime, tcp::socket connected);
  ~tcp_transport() override;

  void read_some(std::span<char> into, io_node& done) override;
  void write(std::string_view bytes, io_node& done) override;
  void shutdown(io_node& done) override;
  void close() noexcept override;
  [[nodiscard]] bool is_quiet() noexcept override;

  /// Begins to connect, by the addresses that `lookups` finds.
  void connect(const std::string& host, std::uint16_t port, duration next_address_after, std::shared_ptr<lookup_line> lookups, io_node& connected);

 private:
  struct connecting;
  void looked_up(wake how);
  void try_next_locked();
  void tried(boost::system::error_code code, std::size_t number);
  class attempt;
  void end_connecting(std::unique_lock<brief_mutex> lock, wake how, failure why);
  static void next_address(timer_node& node, wake how);
  void write_rest_locked(io_end done);
  [[nodiscard]] failure failure_of(boost::system::error_code code, const char* what) const;

  const std::shared_ptr<runtime_state> runtime_;
  brief_mutex mutex_;
  std::optional<tcp::socket> socket_;  ///< not before its address is known: a lookup may outlive the executor, which a socket must not
  std::unique_ptr<connecting> connecting_;
  catena::detail::pinned_timer<tcp_transport> next_address_;
  std::string_view rest_;  ///< of what is being written
  std::size_t written_ = 0;
  bool closed_ = false;
  memory_slot reading_;
  memory_slot writing_;
};

}  // namespace catena::http
