// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the options of an operator's endpoint come to.
#include "server/access.hpp"
#include "server/server.hpp"

#include <catena/http/operator_options.hpp>

#include <boost/asio/ip/address.hpp>

#include <memory>

namespace catena::http {

struct operator_place {
  boost::asio::ip::address address;
  std::shared_ptr<tls_context> tls;  ///< null: no TLS
  server::access_rules who;
  server::server_bounds bounds;
};

/// \errors std::invalid_argument naming the option
[[nodiscard]] operator_place place_of(const operator_options& options);

}  // namespace catena::http
