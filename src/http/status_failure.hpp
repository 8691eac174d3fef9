// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a response that is no success means to whoever asked.
#include <catena/http/message.hpp>
#include <catena/http/retry_after.hpp>

#include <string_view>

namespace catena::http {

/// How much of an unexpected body is looked at, and how much of that is told.
inline constexpr std::size_t body_looked_at = 2048;
inline constexpr std::size_t body_told = 300;

/// The failure that a status is: what may help as its code, what the server says as its text, and when to ask again.
/// \param body    the beginning of the body
/// \param now     for a Retry-After that is a date, where the response has no date of its own
[[nodiscard]] failure status_failure(const request& asked, const response_head& head, std::string_view body, wall_time now);

/// Not set: the content is of the type that was asked for, or any is taken.
[[nodiscard]] failure content_failure(const request& asked, const response_head& head, std::string_view body);

/// Whether content_failure() would be set, whatever the body is.
[[nodiscard]] bool is_unexpected(const request& asked, const response_head& head) noexcept;

}  // namespace catena::http
