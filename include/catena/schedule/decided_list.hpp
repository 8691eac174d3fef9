// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Those of a line who have been decided and are still to be told.
#include <utility>

namespace catena::detail {

/// A list in order of deciding, linked by Request::next_decided, of requests that it does not own.
/// \threads  unsafe
template <class Request>
class decided_list {
 public:
  void push_back(Request& r) noexcept {
    r.next_decided = nullptr;
    (last_ ? last_->next_decided : first_) = &r;
    last_ = &r;
  }
  /// The first of all, which are in it no more.
  [[nodiscard]] Request* take() noexcept {
    last_ = nullptr;
    return std::exchange(first_, nullptr);
  }

 private:
  Request* first_ = nullptr;
  Request* last_ = nullptr;
};

}  // namespace catena::detail
