// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Durations and sizes as people write them.
#include <cstdint>
#include <string>
#include <string_view>

namespace catena::detail {

enum class quantity : std::uint8_t { time, size };  ///< in nanoseconds, in bytes

enum class reading_end : std::uint8_t {
  good,
  malformed,
  too_large,   ///< more than there are nanoseconds or bytes to count
  too_fine,    ///< not a whole number of them
};

/// "250ms", "1.5s"; "512MiB", "64KB".
[[nodiscard]] reading_end read_quantity(quantity what, std::string_view text, std::int64_t& value) noexcept;
/// In the largest unit that it is a whole number of.
[[nodiscard]] std::string write_quantity(quantity what, std::int64_t value);
/// What read_quantity() takes, for a schema.
[[nodiscard]] std::string quantity_pattern(quantity what);
/// "a duration such as "250ms" (ns, us, ms, s, min, h)".
[[nodiscard]] std::string quantity_form(quantity what);

}  // namespace catena::detail
