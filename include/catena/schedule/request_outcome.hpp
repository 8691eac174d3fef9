// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What the end of a request says about the load.
#include <catena/error.hpp>

#include <cstdint>

namespace catena {

enum class request_outcome : std::uint8_t {
  answered,    ///< how long it took counts
  overloaded,  ///< it was too late, or was refused further inside: it counts as slower than any answer
  ignored,     ///< it failed for another reason, was cancelled, or never began: how long it took says nothing
};

/// What a failure says: deadlines that pass, queues that are full and servers that are busy are signs of overload. Other failures are not; among them
/// is errc::not_admitted, since the tokens that were missing are mostly one tenant's.
[[nodiscard]] request_outcome outcome_of(const failure& why) noexcept;

}  // namespace catena
