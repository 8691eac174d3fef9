// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Requests as they are sent.
#include <catena/http/message.hpp>

#include <string>
#include <string_view>

namespace catena::http {

/// Not set: the request can be sent.
[[nodiscard]] failure fault_of(const request& what);
/// All of a request that has no fault.
[[nodiscard]] std::string text_of(const request& what);
/// Whether a server may get a request with this method twice and do no more than for the first one.
/// \source RFC 9110, 9.2.2
[[nodiscard]] bool is_repeatable(std::string_view method) noexcept;
/// What asks a proxy to connect to the target.
[[nodiscard]] std::string connect_text(const url& target, std::string_view authorization);

}  // namespace catena::http
