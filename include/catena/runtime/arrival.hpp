// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Somebody who waits until something is there.
#include <catena/result.hpp>

namespace catena {

/// Told once, perhaps under somebody's lock, so it must only post.
class arrival {
 public:
  virtual ~arrival() = default;
  virtual void told(result<void> outcome) = 0;
  /// False once nobody wants to be told any more: whoever keeps it may let go of it. Perhaps under somebody's lock, too.
  [[nodiscard]] virtual bool still_waits() const noexcept { return true; }
};

}  // namespace catena
