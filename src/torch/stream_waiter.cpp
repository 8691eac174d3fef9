// SPDX-License-Identifier: BSL-1.0
#include "stream_waiter.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace catena::torch {

struct stream_waiter::state {
  struct wish {
    c10::Stream stream;
    continuation then;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<wish> wishes;
  bool is_closed = false;
  std::thread thread;

  /// None: it is closed.
  std::optional<wish> next() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return is_closed || !wishes.empty(); });
    if (wishes.empty()) return std::nullopt;
    wish first = std::move(wishes.front());
    wishes.pop_front();
    return first;
  }
};

namespace {

std::exception_ptr failure_of(const c10::Stream& stream) noexcept {
  try {
    stream.synchronize();
    return nullptr;
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace

stream_waiter::stream_waiter() : state_(std::make_shared<state>()) {
  state_->thread = std::thread([kept = state_] {
    while (const auto wish = kept->next()) wish->then(failure_of(wish->stream));
  });
}

stream_waiter::~stream_waiter() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_closed = true;
  }
  state_->changed.notify_one();
  if (state_->thread.get_id() == std::this_thread::get_id()) state_->thread.detach();
  else state_->thread.join();
}

void stream_waiter::wait(const c10::Stream& stream, continuation then) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->wishes.push_back({stream, std::move(then)});
  }
  state_->changed.notify_one();
}

}  // namespace catena::torch
