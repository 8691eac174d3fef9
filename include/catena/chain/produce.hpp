// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that answers a stream.
#include <catena/chain/steps/produce_step.hpp>

#include <tuple>
#include <utility>

namespace catena {

/// See produce().
template <class T, class... F>
class producer {
 public:
  explicit producer(std::tuple<F...> writers, const stream_options& options) : writers_(std::move(writers)), options_(options) {}

  /// If the coroutine before fails, also after items of its have come, the stream begins anew with this one: the reader sees
  /// stream::restarts() grow. Without it a failure before the first item is the stage's, for .retry and .fallback to deal with, and a later one the reader's.
  template <class G>
  [[nodiscard]] producer<T, F..., G> restart_with(G next) && {
    return producer<T, F..., G>(std::tuple_cat(std::move(writers_), std::tuple<G>(std::move(next))), options_);
  }

  // A producer is a stage: see chain/steps/produce_step.hpp.
  using catena_takes = typename detail::writes<std::tuple_element_t<0, std::tuple<F...>>>::takes_inputs;
  template <class... Given>
  using catena_step = detail::produce_step<T, std::tuple<F...>, Given...>;

  [[nodiscard]] const std::tuple<F...>& writers() const noexcept { return writers_; }
  [[nodiscard]] const stream_options& options() const noexcept { return options_; }

 private:
  std::tuple<F...> writers_;
  stream_options options_;
};

/// A stage that answers a stream<T>, written by a coroutine `awaitable<void>(stream_writer<T>&, const In&...)`:
///
///     asio::awaitable<void> draft(stream_writer<std::string>& out, const prompt& p);
///     in >> stage("draft", produce<std::string>(draft)).timeout(2s).retry() >> stage("read", speak)
///
/// The stage answers when the first item is there, or the coroutine has returned. That is when its timeouts and attempts end, what
/// its breaker counts, and when places that it holds in queues and at limits are given back. The coroutine goes on as long as somebody reads:
/// until the run's deadline at most, which the stream fails with, and drain waits for it. It owns its inputs, and must not use the run's call.
/// \threads  it runs on a strand of the run's executor
/// \cancel   who cancels the run before the first item, or lets go of the stream, cancels the coroutine (terminal)
template <class T, class F>
[[nodiscard]] producer<T, F> produce(F f, const stream_options& options = {}) {
  return producer<T, F>(std::tuple<F>(std::move(f)), options);
}

}  // namespace catena
