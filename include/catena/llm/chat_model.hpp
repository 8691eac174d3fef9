// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A language model behind an OpenAI-compatible endpoint, as a stage.
#include <catena/call.hpp>
#include <catena/chain/produce.hpp>
#include <catena/llm/answer.hpp>
#include <catena/llm/answer_stream.hpp>
#include <catena/llm/chat_options.hpp>
#include <catena/llm/chat_settings.hpp>
#include <catena/llm/message.hpp>
#include <catena/runtime.hpp>

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace catena::llm {

/// What has become of a model's calls.
struct chat_stats {
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;    ///< those too that were given up
  token_usage used = {};       ///< of all answers whose server has told it
  money cost = {};
  std::size_t in_flight = 0;
  std::size_t limit = 0;       ///< how many may be, now

  /// What the server still knew, of what it read.
  [[nodiscard]] double hit_share() const noexcept { return used.hit_share(); }
};

namespace detail {
class chat_core;

inline messages as_messages(const messages& all) { return all; }
inline messages as_messages(const std::string& prompt) { return {message::user(prompt)}; }

[[nodiscard]] boost::asio::awaitable<void> write_answer(std::shared_ptr<chat_core> core, std::shared_ptr<const chat_settings> how,
                                                        stream_writer<answer_piece>& out, messages asked);

/// What writes an answer into a stream; see chat_model::streamed.
template <class In>
struct chat_writer {
  boost::asio::awaitable<void> operator()(stream_writer<answer_piece>& out, const In& asked) const {
    return write_answer(core, how, out, as_messages(asked));
  }
  std::shared_ptr<chat_core> core;
  std::shared_ptr<const chat_settings> how;
};
}  // namespace detail

/// A shared handle on a model that is asked over the network, with settings. It is a stage that takes a prompt (a std::string) or messages:
///
///     llm::chat_model chat(rt, {.model = "deepseek-flash", .settings = {.max_tokens = 500}});
///     in >> stage("prompt", summary_prompt) >> stage("ask", chat).retry() >> stage("read", [](const llm::answer& a) { return a.text(); })
///
/// The key is nowhere but in the request. No prompt and no answer gets into a log or a trace, nor into a failure, except that this tells what the
/// server says of a request that it refuses: the first 300 bytes.
/// \threads   safe
/// \cancel    terminal: the connection is closed, so that the server stops
/// \errors    errc::invalid_input: the server says that the request is wrong (400, 422); errc::refused: it does not serve this key (401, 403),
///            an account without balance (402) or this path or model (404), so another provider may; errc::busy: it has no time, with
///            retry_after where it says so (408, 409, 429, 5xx); errc::unavailable: not reached, or lost; errc::bad_response: what it says is
///            no answer, or was cut off; errc::timed_out, errc::deadline_exceeded; errc::not_admitted, errc::queue_full: the limit on calls
///            in flight; errc::budget_exceeded
class chat_model {
 public:
  /// \errors std::invalid_argument: an option is out of range, or the key's variable is not set
  chat_model(const runtime& rt, chat_options options);

  /// The same model, asked by other settings; both count at the same limit. Not to be made inside of a co_await expression (g++ 12).
  /// \errors std::invalid_argument: one is out of range, or the provider cannot do it
  [[nodiscard]] chat_model with(chat_settings settings) const;
  [[nodiscard]] const chat_settings& settings() const noexcept { return *settings_; }
  [[nodiscard]] const chat_options& options() const noexcept;
  [[nodiscard]] const runtime& get_runtime() const noexcept;

  /// The whole answer. Throws catena::error.
  [[nodiscard]] boost::asio::awaitable<answer> operator()(call c, const messages& asked) const { return ask(c.options(), asked); }
  [[nodiscard]] boost::asio::awaitable<answer> operator()(call c, const std::string& prompt) const {
    return ask(c.options(), detail::as_messages(prompt));
  }
  /// The same outside of a run.
  [[nodiscard]] boost::asio::awaitable<answer> ask(run_options within, messages asked) const;

  /// The answer as it is written: when the server has begun to answer. Throws catena::error.
  [[nodiscard]] boost::asio::awaitable<answer_stream> open(call c, messages asked) const { return open(c.options(), std::move(asked)); }
  [[nodiscard]] boost::asio::awaitable<answer_stream> open(run_options within, messages asked) const;

  /// A stage that answers a stream<answer_piece>: `stage("ask", chat.streamed())`, and `chat.streamed<std::string>()` where it is given a
  /// prompt. See produce(): it is there with its first piece, and a failure after that is the reader's.
  template <class In = messages>
  [[nodiscard]] auto streamed(const stream_options& options = {}) const {
    return produce<answer_piece>(detail::chat_writer<In>{core_, settings_}, options);
  }

  /// Of all handles together.
  [[nodiscard]] chat_stats stats() const;
  /// Closes the connections that nobody uses.
  void close_idle() const;

 private:
  chat_model(std::shared_ptr<detail::chat_core> core, std::shared_ptr<const chat_settings> settings) noexcept
      : core_(std::move(core)), settings_(std::move(settings)) {}

  std::shared_ptr<detail::chat_core> core_;
  std::shared_ptr<const chat_settings> settings_;
};

}  // namespace catena::llm
