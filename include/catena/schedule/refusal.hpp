// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Why a request is not let in, cheap enough for where refusing is the common case.
#include <catena/error.hpp>

namespace catena {

/// Why a request is not let in, without the words.
struct refusal {
  errc code = errc::not_admitted;
  duration retry_after{};  ///< zero: never, or unknown
};

}  // namespace catena
