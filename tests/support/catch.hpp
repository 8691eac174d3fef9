// SPDX-License-Identifier: BSL-1.0
/// \file
/// Catch2 2.13 and 3 under one name. Include it last, after Torch: c10 defines CHECK as well.
///
/// Matchers and Approx are spelt as in Catch2 3: Catch::Matchers::ContainsSubstring, Catch::Approx.
#ifndef CATENA_TESTS_SUPPORT_CATCH_HPP
#define CATENA_TESTS_SUPPORT_CATCH_HPP

#undef CHECK
#define CATCH_CONFIG_ENABLE_ALL_STRINGMAKERS

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
// Ends a test case that this machine cannot run; ctest reports it as skipped.
#define CATENA_SKIP(text) SKIP("cannot run here: " text)
#else
#include <catch2/catch.hpp>
#define CATENA_SKIP(text)            \
  do {                               \
    WARN("cannot run here: " text);  \
    return;                          \
  } while (false)

namespace Catch {
using Detail::Approx;
namespace Matchers {
inline auto ContainsSubstring(const std::string& text, CaseSensitive::Choice choice = CaseSensitive::Yes) {
  return Contains(text, choice);
}
}  // namespace Matchers
}  // namespace Catch
#endif

#endif

// Again for every file that a unity build puts after one that included Torch: the last one to define CHECK wins.
#undef CHECK
#define CHECK(...) INTERNAL_CATCH_TEST("CHECK", Catch::ResultDisposition::ContinueOnFailure, __VA_ARGS__)
