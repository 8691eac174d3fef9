// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The asynchronous operations of a stream.
#include <catena/runtime.hpp>
#include <catena/runtime/posted_end.hpp>
#include <catena/stream/stream_buffer.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace catena::detail {

/// Something that waits at a stream and completes a handler. `Wait` derives from a stream_waiter and says how it waits(buffer), false
/// where it need not, and what its outcome(buffer) is when it was not cancelled. Whoever takes it out posts its completion, and it lives
/// until that runs, on the handler's executor, where its slot may be touched.
template <class Wait, class T, class Handler>
struct stream_operation : Wait {
  using memory = operation_memory<stream_operation, Handler>;
  Handler handler;
  std::shared_ptr<stream_buffer<T>> buffer;
  [[no_unique_address]] held_work_for<Handler> work;
  bool cancelled = false;

  template <class... Args>
  stream_operation(Handler&& h, std::shared_ptr<stream_buffer<T>> of, Args&&... args)
      : Wait(std::forward<Args>(args)...), handler(std::move(h)), buffer(std::move(of)), work(executor()) {
    this->told = [](stream_waiter& w) { static_cast<stream_operation&>(w).finish(); };
  }

  [[nodiscard]] auto executor() const { return boost::asio::get_associated_executor(handler, buffer->runtime()->ready->executor()); }

  void begin() {
    if (auto slot = boost::asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      slot.assign([this, pinned = buffer](boost::asio::cancellation_type) {
        if (!pinned->withdraw(*this)) return;
        cancelled = true;
        finish();
      });
    }
    const auto pinned = buffer;
    if (!this->waits(*pinned)) finish();
  }

  typename Wait::answer end() noexcept {
    if (cancelled) return failure(errc::cancelled);
    try {
      return this->outcome(*buffer);
    } catch (...) {
      return failure::from(std::current_exception());  // of an item that cannot be moved
    }
  }

 private:
  void finish() { boost::asio::post(executor(), posted_end(*this)); }
};

template <class T>
struct wait_for_item : stream_waiter {
  using answer = result<std::optional<T>>;
  [[nodiscard]] bool waits(stream_buffer<T>& at) {
    is_second = at.is_read();
    return !is_second && at.wait_to_read(*this);
  }
  [[nodiscard]] answer outcome(stream_buffer<T>& at) const {
    if (is_second) return failure(errc::invalid_input, "the stream is being read already");
    return at.take();
  }
  bool is_second = false;
};

template <class T>
struct wait_for_room : write_waiter<T> {
  using answer = result<void>;
  explicit wait_for_room(T&& what) { this->item.emplace(std::move(what)); }
  [[nodiscard]] bool waits(stream_buffer<T>& at) { return at.wait_to_write(*this); }
  [[nodiscard]] answer outcome(stream_buffer<T>& at) const {
    if (this->written) return {};
    return at.why_not_written();
  }
};

/// Begins an operation of a stream.
template <template <class> class Wait, class T, class Token, class... Args>
auto async_at_stream(std::shared_ptr<stream_buffer<T>> buffer, Token&& token, Args&&... args) {
  return boost::asio::async_initiate<Token, void(typename Wait<T>::answer)>(
      [](auto handler, std::shared_ptr<stream_buffer<T>> at, auto... with) {
        using operation = stream_operation<Wait<T>, T, decltype(handler)>;
        operation::memory::create(std::move(handler), std::move(at), std::move(with)...)->begin();
      },
      token, std::move(buffer), std::forward<Args>(args)...);
}

}  // namespace catena::detail
