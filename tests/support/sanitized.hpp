// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Whether this is a build under a sanitizer.

namespace catena::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif

/// How often a test does what it does again and again: under a sanitizer, where all takes ten times as long, only so often.
template <class Count>
[[nodiscard]] constexpr Count times(Count often, Count under_a_sanitizer) noexcept {
  return is_sanitized ? under_a_sanitizer : often;
}

}  // namespace catena::test
