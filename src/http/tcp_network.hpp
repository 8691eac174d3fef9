// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// TCP as a network.
#include "lookup.hpp"

namespace catena::http {

class tcp_network final : public network {
 public:
  tcp_network(std::shared_ptr<runtime_state> runtime, const tcp_options& options, lookup_line::function look_up = look_up_now);
  [[nodiscard]] std::shared_ptr<transport> open(const std::string& host, std::uint16_t port, io_node& opened) override;
  /// How many lookups are under way, also such as nobody waits for any more.
  [[nodiscard]] std::size_t busy_lookups() const { return lookups_->busy_count(); }

 private:
  const std::shared_ptr<runtime_state> runtime_;
  const tcp_options options_;
  const std::shared_ptr<lookup_line> lookups_;
};

}  // namespace catena::http
