// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Why a request is not let in, cheap enough for where refusing is the common case.
#include <catena/error.hpp>

#include <boost/assert/source_location.hpp>

namespace catena {

/// Why a request is not let in, without the words.
struct refusal {
  errc code = errc::not_admitted;
  duration retry_after{};  ///< zero: never, or unknown
};

/// What value() of a result<T, refusal> throws: catena::error.
[[noreturn]] inline void throw_exception_from_error(const refusal& why, const boost::source_location&) {
  throw error(failure(why.code).with_retry_after(why.retry_after));
}

}  // namespace catena
