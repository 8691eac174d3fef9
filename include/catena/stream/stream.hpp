// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A value that comes bit by bit: stream<T>, who reads it, and stream_writer<T>, who writes it.
#include <catena/runtime.hpp>
#include <catena/stream/stream_operation.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace catena {

/// Items that are taken one by one as they come. Move-only; whoever lets go of it tells the writer that nobody wants more.
///
///     while (auto token = co_await answer.next()) text += *token;
///
/// \threads  distinct objects: safe; one reads a stream at a time
/// \lifetime may outlive the run that it comes from
template <class T>
class stream {
 public:
  using value_type = T;

  explicit stream(std::shared_ptr<detail::stream_buffer<T>> buffer) noexcept : buffer_(std::move(buffer)) {}
  stream(stream&&) noexcept = default;
  stream& operator=(stream other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~stream() {
    if (buffer_) buffer_->reader_left();
  }

  /// The next item, or nothing: that was all. The token's signature is `void(result<std::optional<T>>)`. Items that were written before
  /// the stream failed come before the failure.
  /// \resumes  on the token's associated executor, by default the runtime's; never inside this function
  /// \cancel   total: no item is lost
  /// \errors   the writer's failure; errc::deadline_exceeded, errc::timed_out: stream_options::idle_timeout
  template <class Token>
  auto async_next(Token&& token) {
    return detail::async_at_stream<detail::wait_for_item>(buffer_, std::forward<Token>(token));
  }
  /// Throws catena::error where async_next fails.
  [[nodiscard]] boost::asio::awaitable<std::optional<T>> next() { return next_of(buffer_); }

  /// How often it had begun anew when the item that came last was written, see producer::restart_with: where this has grown, what came
  /// before is void.
  /// \threads  whoever reads it
  [[nodiscard]] std::size_t restarts() const noexcept { return buffer_->restarts(); }

 private:
  static boost::asio::awaitable<std::optional<T>> next_of(std::shared_ptr<detail::stream_buffer<T>> buffer) {
    auto started = detail::async_at_stream<detail::wait_for_item>(std::move(buffer), boost::asio::use_awaitable);
    result<std::optional<T>> item = co_await std::move(started);
    co_return std::move(item).value();
  }

  std::shared_ptr<detail::stream_buffer<T>> buffer_;
};

/// Writes a stream. Move-only; the stream ends with it.
/// \threads  distinct objects: safe; one writes at a time
template <class T>
class stream_writer {
 public:
  explicit stream_writer(std::shared_ptr<detail::stream_buffer<T>> buffer) noexcept : buffer_(std::move(buffer)) {}
  stream_writer(stream_writer&&) noexcept = default;
  stream_writer& operator=(stream_writer other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~stream_writer() {
    if (buffer_) buffer_->writer_left({});
  }

  /// Writes an item, when there is room for it. The token's signature is `void(result<void>)`.
  /// \cancel   total: the item is dropped
  /// \errors   errc::cancelled: nobody reads any more; errc::deadline_exceeded, errc::timed_out: stream_options::idle_timeout
  template <class Token>
  auto async_write(T item, Token&& token) {
    return detail::async_at_stream<detail::wait_for_room>(buffer_, std::forward<Token>(token), std::move(item));
  }
  /// Throws catena::error where async_write fails.
  [[nodiscard]] boost::asio::awaitable<void> write(T item) { return write_to(buffer_, std::move(item)); }

  /// Ends the stream with a failure instead of well.
  void fail(failure why) noexcept { buffer_->writer_left(std::move(why)); }

  /// What comes from now on begins anew; see stream::restarts.
  void restart() noexcept { buffer_->restart(); }

  /// Whether anybody still reads it.
  [[nodiscard]] bool is_wanted() const noexcept { return buffer_->is_wanted(); }
  /// For whom it is written: what is called with these options belongs to the same request (deadline, priority, tenant, id, trace), as far as
  /// limits and budgets go. They hold as long as the stream.
  [[nodiscard]] run_options options() const noexcept { return buffer_->options_within(); }
  /// Where the run that it comes from is recorded, which may have ended: what notes something of itself there needs no run. Null: nowhere.
  [[nodiscard]] const boost::intrusive_ptr<detail::request_trace>& recorded_in() const noexcept { return buffer_->recorded_in(); }
  /// When it fails if it has not ended.
  [[nodiscard]] time_point deadline() const noexcept { return buffer_->deadline(); }

 private:
  static boost::asio::awaitable<void> write_to(std::shared_ptr<detail::stream_buffer<T>> buffer, T item) {
    auto started = detail::async_at_stream<detail::wait_for_room>(std::move(buffer), boost::asio::use_awaitable, std::move(item));
    result<void> written = co_await std::move(started);
    written.value();
  }

  std::shared_ptr<detail::stream_buffer<T>> buffer_;
};

/// A stream and who writes it.
template <class T>
struct stream_ends {
  stream_writer<T> writer;
  stream<T> reader;
};

/// A stream that a service writes by hand; a stage that answers one is made by produce().
/// \errors std::invalid_argument: an option is out of range
template <class T>
[[nodiscard]] stream_ends<T> make_stream(const runtime& rt, const stream_options& options = {}, time_point deadline = no_deadline) {
  auto buffer = std::make_shared<detail::stream_buffer<T>>(rt.state(), options, deadline);
  buffer->begin();
  return {stream_writer<T>(buffer), stream<T>(buffer)};
}

/// All items of a stream, for a stage that wants them together.
/// \errors what the stream fails with
template <class T>
[[nodiscard]] boost::asio::awaitable<std::vector<T>> collect(stream<T> from) {
  std::vector<T> all;
  for (;;) {
    std::optional<T> item = co_await from.next();
    if (!item) break;
    all.push_back(*std::move(item));
  }
  co_return all;
}

}  // namespace catena
