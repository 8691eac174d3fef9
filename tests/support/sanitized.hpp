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

}  // namespace catena::test
