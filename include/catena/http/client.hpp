// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Asks servers over HTTP/1.1 and TLS, from inside of a chain's stages or from anywhere.
#include <catena/call.hpp>
#include <catena/http/client_operation.hpp>
#include <catena/http/client_options.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace catena::http {

/// A response whose body comes piece by piece. Move-only; whoever lets go of it before its end closes the connection.
/// \threads  distinct objects: safe; one reads at a time
class response_stream {
 public:
  response_stream(std::shared_ptr<detail::exchange> of, response_head head) noexcept : of_(std::move(of)), head_(std::move(head)) {}
  response_stream(response_stream&&) noexcept = default;
  response_stream& operator=(response_stream other) noexcept {
    std::swap(of_, other.of_);
    std::swap(head_, other.head_);
    return *this;
  }
  ~response_stream() {
    if (of_) of_->stop(errc::cancelled);
  }

  [[nodiscard]] const response_head& head() const noexcept { return head_; }

  /// The next piece, as it came; nothing: that was all. The view holds until the next call. The token's signature is
  /// `void(result<std::optional<std::string_view>>)`.
  /// \cancel  terminal: closes the connection
  /// \errors  errc::timed_out, errc::deadline_exceeded, errc::unavailable: the connection was lost, errc::bad_response: it was cut off
  template <class Token>
  auto async_next(Token&& token) {
    return detail::async_in_exchange<detail::next_piece>(of_, std::forward<Token>(token));
  }
  /// Throws catena::error where async_next fails.
  [[nodiscard]] boost::asio::awaitable<std::optional<std::string_view>> next() { return next_of(of_); }

  /// What came last was worth waiting for; see progress::told.
  void progressed() noexcept { of_->progressed(); }
  /// From now on it is given up where its reader waits that long without progress: who has what he wants does not wait long for the end.
  void give_up_after(duration patience) noexcept { of_->give_up_after(patience); }

 private:
  static boost::asio::awaitable<std::optional<std::string_view>> next_of(std::shared_ptr<detail::exchange> of) {
    auto started = detail::async_in_exchange<detail::next_piece>(std::move(of), boost::asio::use_awaitable);
    result<std::optional<std::string_view>> piece = co_await std::move(started);
    co_return std::move(piece).value();
  }

  std::shared_ptr<detail::exchange> of_;
  response_head head_;
};

/// What a client has open now.
struct client_stats {
  std::size_t connections = 0;  ///< all, also those that nobody uses
  std::size_t idle = 0;         ///< of those
  std::size_t waiting = 0;      ///< requests that wait for one
};

/// A shared handle on a pool of kept connections.
///
/// A redirect is a failure that says where it leads to: nothing is asked there, and so nobody else sees who asks. A kept connection is
/// looked at before it is used, and one that the server has closed is not. One that breaks later, before a byte of the response came, was
/// most likely closed meanwhile. But that is not known: where the method says that twice is as good as once (GET, HEAD, OPTIONS, TRACE, PUT,
/// DELETE) the request is sent once more, on a new one. A POST may cost money, and fails with errc::unavailable: a stage's `.retry` sends it
/// again, and counts it.
/// \resumes  on the token's associated executor, by default the runtime's; never inside the function that begins
/// \cancel   terminal: the connection is closed at once
/// \errors   errc::invalid_input: the request cannot be sent, or the server says that it is wrong; errc::unavailable: no connection, or it was
///           lost; errc::timed_out, errc::deadline_exceeded; errc::queue_full; errc::busy, errc::refused: what the server says, with
///           Retry-After; errc::bad_response. What a failure tells of a body is its beginning, without what the request's secret fields hold
/// \threads  safe
class client {
 public:
  /// \errors std::invalid_argument: an option is out of range
  explicit client(const runtime& rt, client_options options = {});

  /// The response with all of its body. The token's signature is `void(result<response>)`.
  template <class Token>
  auto async_send(request what, const run_options& how, Token&& token) const {
    return detail::async_in_exchange<detail::whole_response>(begin(std::move(what), how, body::whole), std::forward<Token>(token));
  }
  /// As a part of the run. Throws catena::error where async_send fails.
  [[nodiscard]] boost::asio::awaitable<response> send(call c, request what) const {
    return value_of<detail::whole_response>(begin(std::move(what), c.options(), body::whole));
  }

  /// The response as soon as its head is there. The token's signature is `void(result<response_stream>)`.
  template <class Token>
  auto async_open(request what, const run_options& how, Token&& token) const {
    return detail::async_in_exchange<detail::opened_response>(begin(std::move(what), how, body::in_pieces), std::forward<Token>(token));
  }
  /// As a part of the run. Throws catena::error where async_open fails.
  [[nodiscard]] boost::asio::awaitable<response_stream> open(call c, request what) const {
    return value_of<detail::opened_response>(begin(std::move(what), c.options(), body::in_pieces));
  }

  [[nodiscard]] client_stats stats() const;
  /// Closes all connections that nobody uses.
  void close_idle() const;

 private:
  enum class body : bool { whole, in_pieces };
  [[nodiscard]] std::shared_ptr<detail::exchange> begin(request what, const run_options& how, body taken) const;
  template <class Step>
  static boost::asio::awaitable<typename Step::value> value_of(std::shared_ptr<detail::exchange> of) {
    auto started = detail::async_in_exchange<Step>(std::move(of), boost::asio::use_awaitable);
    result<typename Step::value> answered = co_await std::move(started);
    co_return std::move(answered).value();
  }

  std::shared_ptr<class client_core> core_;
};

}  // namespace catena::http
