// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model that answers a C++ type.
#include <catena/llm/chat_model.hpp>
#include <catena/llm/schema.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <utility>

namespace catena::llm {

struct structured_options {
  int repairs = 2;              ///< how often a model is told what is wrong with its answer, 0 to 10
  std::string name = "answer";  ///< of the schema and in failures; letters, digits, - and _
};

namespace detail {

class structured_core;
[[nodiscard]] std::shared_ptr<const structured_core> make_structured(const chat_model& chat, const structured_options& options, const shape& of);
[[nodiscard]] boost::asio::awaitable<void> ask_structured(std::shared_ptr<const structured_core> core, run_options within, messages asked, void* to);

template <class T>
boost::asio::awaitable<T> ask_for(std::shared_ptr<const structured_core> core, run_options within, messages asked) {
  T value = T();
  auto asking = ask_structured(std::move(core), within, std::move(asked), &value);
  co_await std::move(asking);
  co_return value;
}

}  // namespace detail

/// A stage that asks a model for a described struct T, from a prompt (a std::string) or messages:
///
///     in >> stage("prompt", ask) >> stage("judge", llm::structured<verdict>(chat, {.repairs = 1}))
///
/// The server is held to T's schema where it can be; where it can only be held to some JSON, or to nothing, a system message has the schema.
/// An answer that is not of T is sent back with what is wrong with it, as often as `repairs` says; but not if the model had to stop before
/// it had said all, nor when it makes the same mistake again. Each round is a call like any other: it draws on the run's deadline and on the
/// chat_model's budget.
/// \threads  safe
/// \errors   as chat_model; errc::bad_response: no answer was of T, and says after how many repairs, and what was wrong with the last one, but
///           nothing that it said
template <class T>
class structured {
  static_assert(detail::described_struct<T>, "catena: a model is asked for an object: describe your struct with BOOST_DESCRIBE_STRUCT");

 public:
  explicit structured(const chat_model& chat) : structured(chat, structured_options{}) {}
  /// Not to be made inside of a co_await expression (g++ 12).
  /// \errors std::invalid_argument: an option is out of range
  structured(const chat_model& chat, const structured_options& options) : core_(detail::make_structured(chat, options, detail::shape_of<T>())) {}

  /// Throws catena::error.
  [[nodiscard]] boost::asio::awaitable<T> operator()(call c, const messages& asked) const { return ask(c.options(), asked); }
  [[nodiscard]] boost::asio::awaitable<T> operator()(call c, const std::string& prompt) const {
    return ask(c.options(), detail::as_messages(prompt));
  }
  /// The same outside of a run.
  [[nodiscard]] boost::asio::awaitable<T> ask(run_options within, messages asked) const {
    return detail::ask_for<T>(core_, within, std::move(asked));
  }

 private:
  std::shared_ptr<const detail::structured_core> core_;
};

}  // namespace catena::llm
