// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A thread that waits for what devices compute, so that no other thread has to.
#include "torch.hpp"

#include <c10/core/Stream.h>

#include <exception>
#include <functional>
#include <memory>

namespace catena::torch {

/// Waits for streams one after the other.
/// \threads  safe
/// \lifetime what has been asked for is waited for first; it may be destroyed by what it calls
class stream_waiter {
 public:
  /// Called when all is done that was begun on a stream, with what the stream says it failed with.
  using continuation = std::function<void(std::exception_ptr)>;

  stream_waiter();
  ~stream_waiter();
  stream_waiter(const stream_waiter&) = delete;
  stream_waiter& operator=(const stream_waiter&) = delete;

  void wait(const c10::Stream& stream, continuation then);

 private:
  struct state;
  std::shared_ptr<state> state_;
};

}  // namespace catena::torch
