// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage that begins a stream and answers with it: an operation that completes with the first item.
#include <catena/chain/steps/launch.hpp>
#include <catena/chain/steps/operation_step.hpp>
#include <catena/stream/stream.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena::detail {

/// What a coroutine that writes a stream takes beside the writer.
template <class Parameters>
struct inputs_behind_writer {
  static_assert(!std::is_same_v<Parameters, takes<any_type>>,
                "catena: what produce() is given is called with (stream_writer<T>&, inputs...), and is no template: spell the types");
};
template <class Writer, class... In>
struct inputs_behind_writer<takes<Writer, In...>> {
  using type = takes<std::decay_t<In>...>;
};
template <class F>
struct writes {
  using takes_inputs = typename inputs_behind_writer<typename signature<F>::parameters>::type;
};

/// The coroutines that write a stream, one after the other as long as one fails; the last one may move its inputs.
template <class T, class... In>
using stream_writers = std::vector<std::function<boost::asio::awaitable<void>(stream_writer<T>&, In&...)>>;

/// What tells a writing coroutine to stop. Slots are not thread-safe: it is told where it runs.
struct writing_control {
  explicit writing_control(boost::asio::any_io_executor where) : executor(std::move(where)) {}
  void stop() {
    told = true;
    signal.emit(boost::asio::cancellation_type::terminal);
  }
  boost::asio::any_io_executor executor;
  boost::asio::cancellation_signal signal;
  bool told = false;  ///< to stop
};

/// One stage's coroutine at work. It outlives the run: the runtime counts it, and its executor does not run out of work.
template <class T>
class writing {
 public:
  writing(std::shared_ptr<stream_buffer<T>> buffer, std::shared_ptr<writing_control> control)
      : out(buffer), control_(std::move(control)), runtime_(buffer->runtime()) {
    static_cast<void>(runtime_->begin_run(work_kind::old));
    runtime_->ready->hold_work();
  }
  writing(writing&&) noexcept = default;
  writing& operator=(writing&&) = delete;
  ~writing() {
    if (!runtime_) return;
    out.fail(failure(errc::cancelled, "the stream's executor is gone"));  // where it has not ended
    runtime_->ready->drop_work();
    runtime_->end_run();
  }

  stream_writer<T> out;

 private:
  std::shared_ptr<writing_control> control_;  ///< its coroutine's slot is that of the signal
  std::shared_ptr<runtime_state> runtime_;
};

template <class T, class... In>
launched<boost::asio::any_io_executor> write_stream(writing<T> at, std::shared_ptr<const stream_writers<T, In...>> writers, In... in) {
  for (std::size_t i = 0; i < writers->size(); ++i) {
    failure why;
    if (i > 0) at.out.restart();
    try {
      auto written = (*writers)[i](at.out, in...);
      co_await std::move(written);
    } catch (...) {
      why = failure::from(std::current_exception());
    }
    const bool is_over = !why.is_set() || i + 1 == writers->size() || !at.out.is_wanted();
    if (!is_over) continue;
    at.out.fail(std::move(why));
    co_return;
  }
}

/// Waits for the first item, and hands the stream over.
template <class T>
struct wait_for_stream : stream_waiter {
  using answer = result<stream<T>>;
  explicit wait_for_stream(stream<T>&& what) noexcept : reader(std::move(what)) {}
  [[nodiscard]] bool waits(stream_buffer<T>& at) { return at.wait_for_first(*this); }
  [[nodiscard]] answer outcome(const stream_buffer<T>& at) {
    if (failure why = at.why_not_begun(); why.is_set()) return why;
    return std::move(reader);
  }
  stream<T> reader;  ///< where it is not handed over, nobody reads
};

/// An executor on which one thing happens after the other.
[[nodiscard]] inline boost::asio::any_io_executor one_by_one(const runtime_state& runtime, boost::asio::any_io_executor executor) {
  if (runtime.ready->home().is_serial() && executor == runtime.ready->executor()) return executor;
  return boost::asio::make_strand(std::move(executor));
}

template <class T, class... In>
struct begin_stream {
  template <class Token>
  auto operator()(call c, In... in, Token&& token) const {
    return boost::asio::async_initiate<Token, void(result<stream<T>>)>(
        [](auto handler, const begin_stream& self, call from, time_point deadline, In... values) {
          using operation = stream_operation<wait_for_stream<T>, T, decltype(handler)>;
          auto buffer = std::make_shared<stream_buffer<T>>(self.runtime, self.options, deadline);
          buffer->comes_from(from);
          buffer->begin();
          const boost::asio::any_io_executor executor =
              one_by_one(*self.runtime, boost::asio::get_associated_executor(handler, self.runtime->ready->executor()));
          operation::memory::create(std::move(handler), buffer, stream<T>(buffer))->begin();
          try {
            self.write(buffer, executor, std::move(values)...);
          } catch (...) {
            buffer->writer_left(failure::from(std::current_exception()));
          }
        },
        token, *this, c, static_cast<const graph::run&>(*c.options().part_of).request_deadline(), std::move(in)...);
  }

  void write(const std::shared_ptr<stream_buffer<T>>& buffer, const boost::asio::any_io_executor& executor, In... in) const {
    auto control = std::make_shared<writing_control>(executor);
    auto coroutine = write_stream<T, In...>(writing<T>(buffer, control), writers, std::move(in)...);
    buffer->on_stop([control] { boost::asio::post(control->executor, [control] { control->stop(); }); });
    boost::asio::dispatch(executor, [control, started = std::move(coroutine)]() mutable {
      launch(control->executor, std::move(started), control->signal.slot());
      // Where the stream had ended before there was nobody to tell.
      if (control->told) control->stop();
    });
  }

  std::shared_ptr<const stream_writers<T, In...>> writers;
  stream_options options;
  std::shared_ptr<runtime_state> runtime;
};

template <class T, class Writers, class... In>
struct produce_step;

template <class T, class... F, class... In>
struct produce_step<T, std::tuple<F...>, In...> : operation_step<begin_stream<T, In...>, In...> {
  using base = operation_step<begin_stream<T, In...>, In...>;
  static_assert((std::is_invocable_r_v<boost::asio::awaitable<void>, const F&, stream_writer<T>&, In...> && ...),
                "catena: what produce() is given is a coroutine awaitable<void>(stream_writer<T>&, inputs...)");
  static_assert(sizeof...(F) == 1 || (std::is_copy_constructible_v<In> && ...),
                "catena: a stream that may begin anew needs its inputs again: they must be copyable, or behind a shared_ptr");

  template <class Producer>
  static void prepare(graph::builder& chain, graph::stage_request& request, const Producer& made) {
    try {
      check(made.options());
    } catch (const std::invalid_argument& e) {
      chain.fault("stage '" + request.name + "': " + e.what());
    }
    auto writers = std::make_shared<stream_writers<T, In...>>();
    std::apply([&](const auto&... f) { (add(*writers, sizeof...(F), f), ...); }, made.writers());
    base::prepare(chain, request, begin_stream<T, In...>{std::move(writers), made.options(), chain.runtime()});
    request.kind = "stream";
  }

 private:
  template <class G>
  static void add(stream_writers<T, In...>& to, std::size_t count, const G& f) {
    if (to.size() + 1 == count) to.push_back([f](stream_writer<T>& out, In&... in) { return f(out, std::move(in)...); });
    else if constexpr ((std::is_copy_constructible_v<In> && ...)) to.push_back([f](stream_writer<T>& out, In&... in) { return f(out, std::as_const(in)...); });
  }
};

}  // namespace catena::detail
