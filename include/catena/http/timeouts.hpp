// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How long an exchange may take.
#include <catena/time.hpp>

#include <chrono>

namespace catena::http {

/// How long each part of an exchange may take, apart from the deadline of the run; zero: as long as that.
struct client_timeouts {
  duration connect = std::chrono::seconds(10);        ///< lookup, connection, proxy and TLS together
  duration first_byte = std::chrono::seconds(60);     ///< from there to the first progress of the response
  duration between_bytes = std::chrono::seconds(60);  ///< from one progress to the next; time in which nobody reads does not count
};

}  // namespace catena::http
