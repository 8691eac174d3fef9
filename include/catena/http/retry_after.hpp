// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// When a server wants to be asked again.
#include <catena/time.hpp>

#include <chrono>
#include <optional>
#include <string_view>

namespace catena::http {

using wall_time = std::chrono::system_clock::time_point;

/// A date as HTTP writes it: "Sun, 06 Nov 1994 08:49:37 GMT", or in one of the two older forms, "Sunday, 06-Nov-94 08:49:37 GMT" and
/// "Sun Nov  6 08:49:37 1994". Nothing if it is none.
/// \param now    says which century two digits are in: none is more than 50 years ahead
/// \source RFC 9110, 5.6.7
[[nodiscard]] std::optional<wall_time> parse_date(std::string_view text, wall_time now) noexcept;

/// What a Retry-After field says, in seconds or as a date, as a time to wait from `now`; zero if that has passed, a year at most. Nothing if
/// it says neither.
[[nodiscard]] std::optional<duration> parse_retry_after(std::string_view text, wall_time now) noexcept;

}  // namespace catena::http
