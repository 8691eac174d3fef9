// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What of a request its queue must know.
#include <catena/call.hpp>

#include <cstddef>
#include <cstdint>

namespace catena {

/// One who waits in a request_queue, a part of its request. Whoever asks fills the first part before it is pushed; it
/// stays as it is, and where it is, while it waits.
struct queued_request {
  time_point arrival{};              ///< for ageing; should not run backwards from push to push
  time_point deadline = no_deadline;
  std::uint64_t tenant = 0;          ///< whose share it is of, in a fair queue
  std::size_t bytes = 0;             ///< that it holds while it waits
  std::uint64_t shape = 0;           ///< what it shares with those with which it can be computed together
  std::uint32_t cost = 1;            ///< of its tenant's share, and of a batch whose size is a cost; at least 1
  catena::priority priority = priority::normal;

  // ---- the queue's own: written at push, and never by whoever takes from a queue in order of coming ----

  std::uint32_t place = 0;   ///< in a deadline_order's heap, or the number of its tenant in a fair_order
  std::uint64_t slot = 0;    ///< position in its class; it waits if it still stands there
  queued_request* previous = nullptr;
  queued_request* next = nullptr;
};

}  // namespace catena
