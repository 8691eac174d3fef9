// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Whoever has something measured.

namespace catena {

class metric_set;

/// Something that has measured itself: a model, a cache, a pool.
class metric_source {
 public:
  virtual ~metric_source() = default;
  /// \threads  any, also several at once; must not wait for runs
  virtual void collect(metric_set& to) const = 0;
};

}  // namespace catena
