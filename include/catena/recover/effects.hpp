// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What doing something twice does.
#include <cstdint>

namespace catena {

/// What computing a request again does.
enum class effects : std::uint8_t {
  pure,        ///< it takes time and nothing else, so the rows of a batch that threw are computed again to find the bad one
  idempotent,  ///< it changes nothing that the first time has not changed, but may cost something: a bill
  once,        ///< harm: it is done again only if it has not begun
};

}  // namespace catena
