// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How much of what goes wrong a person is told.
#include <catena/schedule/token_bucket.hpp>

#include <chrono>
#include <cstddef>

namespace catena {

struct notice_options {
  /// How many notices there may be, of all kinds together; a cost of one each.
  token_bucket_options limit = {.refill = {.tokens = 10, .per = std::chrono::minutes(1)}, .capacity = 10};
  duration window = std::chrono::minutes(10);  ///< how long those are suppressed that are like one that was told, 0 or more
  std::size_t most_kinds = 1000;               ///< that are kept in mind, at least 1; beyond it the one not seen for longest is forgotten
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const notice_options& options);

}  // namespace catena
