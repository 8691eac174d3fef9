// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The header by which services hand on whose part a request is of a distributed trace.
#include <catena/call.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace catena {

/// As in `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
[[nodiscard]] std::string to_traceparent(const trace_context& c);

/// Nothing where it is not one: such a header is to be ignored. What later versions have behind the flags is left out.
/// \source  W3C Trace Context, level 1
[[nodiscard]] std::optional<trace_context> parse_traceparent(std::string_view header) noexcept;

/// A number as lowercase hexadecimal digits.
[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);

}  // namespace catena
