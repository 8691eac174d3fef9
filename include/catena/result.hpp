// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A value or the failure that stands in its place.
#include <catena/error.hpp>

#include <boost/system/result.hpp>

namespace catena {

/// What a run, a stage or a model answers: a T or a failure. `value()` throws catena::error.
template <class T>
using result = boost::system::result<T, failure>;

[[noreturn]] inline void throw_exception_from_error(const failure& why, const boost::source_location&) {
  throw error(why);
}

/// The value of a stage that returns nothing.
struct unit {
  friend constexpr bool operator==(unit, unit) noexcept { return true; }
};

}  // namespace catena
