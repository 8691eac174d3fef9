// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a step of a stage has counted of itself.
#include <string_view>

namespace catena {

class metric_set;

/// Retries, a queue's length, a breaker's state: told under the name of the stage that the step is a part of.
class stage_measure {
 public:
  virtual ~stage_measure() = default;
  /// \threads any
  virtual void collect(metric_set& to, std::string_view chain, std::string_view stage) const = 0;
};

}  // namespace catena
