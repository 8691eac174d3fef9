// SPDX-License-Identifier: BSL-1.0
#include "tcp_network.hpp"

#include "tcp_transport.hpp"

#include <stdexcept>

namespace catena::http {

void check(const tcp_options& o) {
  if (o.most_lookups < 1 || o.most_lookups > 64)
    throw std::invalid_argument("tcp_options::most_lookups must be 1 to 64, is " + std::to_string(o.most_lookups));
  if (o.next_address_after < std::chrono::milliseconds(1) || o.next_address_after > std::chrono::minutes(1))
    throw std::invalid_argument("tcp_options::next_address_after must be 1 ms to 1 min");
}

tcp_network::tcp_network(std::shared_ptr<runtime_state> runtime, const tcp_options& options, lookup_line::function look_up)
    : runtime_(std::move(runtime)),
      options_((check(options), options)),
      lookups_(std::make_shared<lookup_line>(runtime_, options.most_lookups, std::move(look_up))) {}

std::shared_ptr<transport> tcp_network::open(const std::string& host, std::uint16_t port, io_node& opened) {
  auto stream = std::make_shared<tcp_transport>(runtime_);
  stream->connect(host, port, options_.next_address_after, lookups_, opened);
  return stream;
}

std::shared_ptr<network> make_tcp_network(std::shared_ptr<runtime_state> runtime, const tcp_options& options) {
  return std::make_shared<tcp_network>(std::move(runtime), options);
}

}  // namespace catena::http
