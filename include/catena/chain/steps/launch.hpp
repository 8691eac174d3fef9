// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Starts a coroutine as a thread of execution of its own, without what co_spawn adds for a completion handler.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/version.hpp>

#include <exception>
#include <utility>

// co_spawn wraps every coroutine in another one that holds the completion handler, two work guards and a first dispatch:
// 464 bytes and one hop more, measured, for a stage that needs none of them. The two names below are Asio's own way in;
// they are unchanged in all releases listed here, and any other release takes co_spawn.
#if BOOST_VERSION >= 108100 && BOOST_VERSION <= 108800
#define CATENA_LAUNCHES_DIRECTLY 1
#else
#define CATENA_LAUNCHES_DIRECTLY 0
#endif

namespace catena::detail {

#if CATENA_LAUNCHES_DIRECTLY

template <class Executor>
using launched = boost::asio::awaitable<boost::asio::detail::awaitable_thread_entry_point, Executor>;

/// Runs the coroutine on this thread, which belongs to `executor`, until it is suspended.
template <class Executor>
void launch(const Executor& executor, launched<Executor> coroutine, boost::asio::cancellation_slot slot) {
  boost::asio::detail::awaitable_handler<Executor, void>(std::move(coroutine), executor, slot,
                                                         boost::asio::cancellation_state(slot))
      .launch();
}

#else

template <class Executor>
using launched = boost::asio::awaitable<void, Executor>;

template <class Executor>
void launch(const Executor& executor, launched<Executor> coroutine, boost::asio::cancellation_slot slot) {
  struct ignore {
    using cancellation_slot_type = boost::asio::cancellation_slot;
    cancellation_slot_type slot;
    [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return slot; }
    void operator()(std::exception_ptr) const noexcept {}
  };
  boost::asio::co_spawn(executor, std::move(coroutine), ignore{slot});
}

#endif

}  // namespace catena::detail
