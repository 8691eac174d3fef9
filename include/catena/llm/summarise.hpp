// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Has a model summarise what a conversation has no room for.
#include <catena/call.hpp>
#include <catena/llm/chat_model.hpp>
#include <catena/llm/conversation.hpp>
#include <catena/result.hpp>

#include <boost/asio/awaitable.hpp>

#include <exception>
#include <utility>

namespace catena::llm {

namespace detail {
template <class Start>
boost::asio::awaitable<result<void>> take_summary(conversation& of, Start start) {
  if (of.to_summarise().empty()) co_return result<void>();
  const messages asked = of.summary_request();
  failure why;
  try {
    auto asking = start(asked);
    const answer given = co_await std::move(asking);
    const result<void> taken = of.summarised(given);
    if (taken) co_return result<void>();
    why = taken.error();
  } catch (...) {
    why = failure::from(std::current_exception());
  }
  if (why.is(errc::cancelled)) throw error(why);
  of.not_summarised();
  co_return result<void>(why);
}
}  // namespace detail

/// Asks for a summary of the turns that a conversation has let go, if there are some, and puts it in their place. A failure is why there is
/// none: then those turns are dropped, and the conversation goes on without them. Cancelling is thrown, and they wait.
/// \param ask  awaitable<answer>(call, const messages&): a chat_model, perhaps a cheaper one, or a chain's stage
/// \lifetime   `of` outlives it; nobody else touches `of` meanwhile
template <class Ask>
[[nodiscard]] boost::asio::awaitable<result<void>> summarise(call c, conversation& of, Ask ask) {
  return detail::take_summary(of, [c, ask = std::move(ask)](const messages& asked) { return ask(c, asked); });
}
/// The same outside of a run.
[[nodiscard]] inline boost::asio::awaitable<result<void>> summarise(run_options within, conversation& of, chat_model chat) {
  return detail::take_summary(of, [within, chat = std::move(chat)](const messages& asked) { return chat.ask(within, asked); });
}

}  // namespace catena::llm
