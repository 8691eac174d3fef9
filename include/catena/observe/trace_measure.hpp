// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What sinks work out of a trace.
#include <catena/observe/trace.hpp>

#include <array>
#include <cstddef>

namespace catena {

inline constexpr std::size_t span_part_count = static_cast<std::size_t>(span_part::hand_over) + 1;

/// How long a span spent on each thing, by the number of its span_part.
[[nodiscard]] std::array<duration, span_part_count> time_by_part(const trace_span& s) noexcept;

/// When a span ended; for one that had not ended when its trace was closed, when that was.
[[nodiscard]] time_point end_of(const trace_span& s, const trace& within) noexcept;

/// Whether a span says something else of the same name later: that goes.
[[nodiscard]] bool is_said_again(const trace_span& s, std::size_t attribute) noexcept;

/// About how much memory a trace takes, and about how long it is as text.
/// \cost  looks at each of its spans
[[nodiscard]] std::size_t approximate_bytes(const trace& t) noexcept;

/// What failures are counted by: the name of an errc, or another category's with its number, as in "system:104".
[[nodiscard]] std::string error_type_of(const failure& why);

}  // namespace catena
