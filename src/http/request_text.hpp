// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Requests as they are sent.
#include <catena/http/message.hpp>

#include <string>

namespace catena::http {

/// Not set: the request can be sent.
[[nodiscard]] failure fault_of(const request& what);
/// All of a request that has no fault.
[[nodiscard]] std::string text_of(const request& what);
/// What asks a proxy to connect to the target.
[[nodiscard]] std::string connect_text(const url& target);

}  // namespace catena::http
