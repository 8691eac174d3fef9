// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A built chain: a shared handle that is called, awaited, started, described and nested.
#include <catena/chain/node.hpp>
#include <catena/chain/steps/root_run.hpp>
#include <catena/chain/warm_up.hpp>
#include <catena/graph/description.hpp>
#include <catena/runtime.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace catena {

namespace detail {

/// Below GCC 13 an aggregate temporary in a co_await expression is destroyed twice (GCC bug 99576 and its kin).
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
template <class T>
inline constexpr bool gcc_12_destroys_this_temporary_twice_so_name_it_first = std::is_aggregate_v<T> && !std::is_trivially_destructible_v<T>;
#else
template <class T>
inline constexpr bool gcc_12_destroys_this_temporary_twice_so_name_it_first = false;
#endif

}  // namespace detail

/// Hands a named value over to a chain, as std::move does, in a way that g++ 12 compiles rightly.
template <class T>
class given_up {
 public:
  explicit given_up(T& value) noexcept : value_(&value) {}
  [[nodiscard]] T&& get() const noexcept { return std::move(*value_); }

 private:
  T* value_;
};
template <class T>
[[nodiscard]] given_up<T> give(T& value) noexcept {
  return given_up<T>(value);
}

/// An immutable, validated DAG of stages from an In to an Out; itself a stage, so chains of one runtime nest.
/// \threads   safe: one chain serves any number of runs at once
/// \lifetime  a cheap shared handle; runs in flight pin what they need
/// \cancel    terminal, partial and total cancel the run: what waits is told, what can be awaited is awaited
/// \errors    every failure carries the path of its stage
template <class In, class Out>
class chain {
 public:
  using input_type = In;
  using output_type = Out;

  chain(graph::plan_ptr plan) : plan_(std::move(plan)) {}  // NOLINT

  [[nodiscard]] const std::string& name() const noexcept { return plan_->name; }
  /// Its DAG as it was built; pools and versions in it come and go, so theirs are those of now.
  [[nodiscard]] graph::description describe() const { return graph::describe(*plan_); }
  [[nodiscard]] const graph::plan_ptr& plan() const noexcept { return plan_; }

  /// The same chain behind a gate: every run of what is returned pays before its first stage, as stage_of::limit says.
  /// \param cost  a number, or a function of the chain's input
  template <gate Gate, class Cost = std::int64_t, class TrueCost = detail::true_as_estimated>
  [[nodiscard]] chain limit(Gate through, Cost cost = 1, TrueCost true_cost = {}) const {
    graph::builder around(plan_->runtime, plan_->name);
    graph::stage_request request;
    request.inputs = {around.add_input(graph::value_type_of<In>)};
    detail::limit_step<Gate, Out, In>::prepare(around, request, plan_, detail::terms_of(std::move(through), std::move(cost), std::move(true_cost)));
    request.kind = "chain";
    request.need = nullptr;  // that of its first stage
    const std::uint32_t answer = around.add_stage(std::move(request));
    graph::plan_ptr limited = around.compile(answer, graph::builder::exits::leave);
    graph::announce(*limited);
    return chain(std::move(limited));
  }

  /// Runs the chain in a coroutine; throws catena::error.
  [[nodiscard]] boost::asio::awaitable<Out> operator()(const In& in, run_options options = {}) const
    requires std::copy_constructible<In>
  {
    return answer_or_throw(plan_, In(in), options);
  }
  [[nodiscard]] boost::asio::awaitable<Out> operator()(In&& in, run_options options = {}) const
    requires(!detail::gcc_12_destroys_this_temporary_twice_so_name_it_first<In>)
  {
    return answer_or_throw(plan_, std::move(in), options);
  }
  /// g++ 12 destroys an aggregate temporary in a co_await expression twice: name the value on its own line, then
  /// `co_await chain(value)` to copy it or `co_await chain(catena::give(value))` to move it.
  boost::asio::awaitable<Out> operator()(In&& in, run_options options = {}) const
    requires(detail::gcc_12_destroys_this_temporary_twice_so_name_it_first<In>)
  = delete;
  [[nodiscard]] boost::asio::awaitable<Out> operator()(given_up<In> in, run_options options = {}) const {
    return answer_or_throw(plan_, in.get(), options);
  }

  /// The same as part of another call: traced with it, within its deadline.
  [[nodiscard]] boost::asio::awaitable<Out> operator()(call c, const In& in) const
    requires std::copy_constructible<In>
  {
    return answer_or_throw(plan_, In(in), c.options());
  }
  [[nodiscard]] boost::asio::awaitable<Out> operator()(call c, In&& in) const
    requires(!detail::gcc_12_destroys_this_temporary_twice_so_name_it_first<In>)
  {
    return answer_or_throw(plan_, std::move(in), c.options());
  }
  boost::asio::awaitable<Out> operator()(call c, In&& in) const
    requires(detail::gcc_12_destroys_this_temporary_twice_so_name_it_first<In>)
  = delete;
  [[nodiscard]] boost::asio::awaitable<Out> operator()(call c, given_up<In> in) const {
    return answer_or_throw(plan_, in.get(), c.options());
  }

  /// Runs the chain in a coroutine; failures are values.
  [[nodiscard]] boost::asio::awaitable<result<Out>> try_run(const In& in, run_options options = {}) const
    requires std::copy_constructible<In>
  {
    return answer(plan_, In(in), options);
  }
  [[nodiscard]] boost::asio::awaitable<result<Out>> try_run(In&& in, run_options options = {}) const
    requires(!detail::gcc_12_destroys_this_temporary_twice_so_name_it_first<In>)
  {
    return answer(plan_, std::move(in), options);
  }
  boost::asio::awaitable<result<Out>> try_run(In&& in, run_options options = {}) const
    requires(detail::gcc_12_destroys_this_temporary_twice_so_name_it_first<In>)
  = delete;
  [[nodiscard]] boost::asio::awaitable<result<Out>> try_run(given_up<In> in, run_options options = {}) const {
    return answer(plan_, in.get(), options);
  }

  /// Starts a run; the token's signature is `void(result<Out>)`.
  /// \resumes  on the token's associated executor, by default the runtime's; never inside this function
  template <class Token>
  auto async_run(const In& in, Token&& token) const
    requires std::copy_constructible<In>
  {
    return initiate(In(in), run_options{}, std::forward<Token>(token));
  }
  template <class Token>
  auto async_run(const In& in, run_options options, Token&& token) const
    requires std::copy_constructible<In>
  {
    return initiate(In(in), options, std::forward<Token>(token));
  }
  template <class Token>
  auto async_run(In&& in, Token&& token) const
    requires(!detail::gcc_12_destroys_this_temporary_twice_so_name_it_first<In>)
  {
    return initiate(std::move(in), run_options{}, std::forward<Token>(token));
  }
  template <class Token>
  auto async_run(In&& in, run_options options, Token&& token) const
    requires(!detail::gcc_12_destroys_this_temporary_twice_so_name_it_first<In>)
  {
    return initiate(std::move(in), options, std::forward<Token>(token));
  }
  template <class Token>
  auto async_run(In&& in, Token&& token) const
    requires(detail::gcc_12_destroys_this_temporary_twice_so_name_it_first<In>)
  = delete;
  template <class Token>
  auto async_run(In&& in, run_options options, Token&& token) const
    requires(detail::gcc_12_destroys_this_temporary_twice_so_name_it_first<In>)
  = delete;
  template <class Token>
  auto async_run(given_up<In> in, Token&& token) const {
    return initiate(in.get(), run_options{}, std::forward<Token>(token));
  }
  template <class Token>
  auto async_run(given_up<In> in, run_options options, Token&& token) const {
    return initiate(in.get(), options, std::forward<Token>(token));
  }

  /// Loads and warms up every model of the chain, all at once; completes when the last one is there. The token's signature is
  /// `void(result<void>)`.
  /// \cancel  total: loading goes on
  /// \errors  the first that could not be loaded, with its name as the path
  template <class Token>
  auto async_warm_up(Token&& token) const {
    return detail::async_warm_up(plan_, std::forward<Token>(token));
  }
  /// Throws catena::error where async_warm_up fails.
  [[nodiscard]] boost::asio::awaitable<void> warm_up() const { return warm(plan_); }

  // A chain is a stage: see chain/steps/nested_step.hpp.
  using catena_takes = takes<In>;
  template <class... Given>
  using catena_step = detail::nested_step<In, Out, Given...>;

 private:
  template <class Token>
  auto initiate(In in, const run_options& options, Token&& token) const {
    return boost::asio::async_initiate<Token, void(result<Out>)>(
        [](auto handler, const graph::plan_ptr& plan, In value, const run_options& o) {
          detail::start_root<In, Out>(plan, std::move(value), o, std::move(handler));
        },
        token, plan_, std::move(in), options);
  }

  static boost::asio::awaitable<void> warm(graph::plan_ptr plan) {
    result<void> warmed = co_await detail::async_warm_up(plan, boost::asio::use_awaitable);
    warmed.value();
  }

  static boost::asio::awaitable<result<Out>> answer(graph::plan_ptr plan, In in, run_options options) {
    if (plan->sequential) co_return detail::run_sequential<In, Out>(*plan, std::move(in), options);
    chain self(std::move(plan));
    auto started = self.initiate(std::move(in), options, boost::asio::use_awaitable);
    result<Out> answered = co_await std::move(started);
    co_return answered;
  }

  static boost::asio::awaitable<Out> answer_or_throw(graph::plan_ptr plan, In in, run_options options) {
    if (plan->sequential) {
      result<Out> answered = detail::run_sequential<In, Out>(*plan, std::move(in), options);
      co_return std::move(answered).value();
    }
    chain self(std::move(plan));
    auto started = self.initiate(std::move(in), options, boost::asio::use_awaitable);
    result<Out> answered = co_await std::move(started);
    co_return std::move(answered).value();
  }

  graph::plan_ptr plan_;
};

/// Builds a chain: `write` takes the input's node and returns the node that is the answer.
/// \errors graph_error with every fault that the types could not show, before any run
template <class In, class Write>
[[nodiscard]] auto make_chain(const runtime& rt, std::string name, Write&& write) {
  auto builder = std::make_shared<graph::builder>(rt.state(), std::move(name));
  node<In> in(builder, builder->add_input(graph::value_type_of<In>));
  auto written = std::forward<Write>(write)(in);
  auto out = detail::as_node(std::move(written));
  using output = typename decltype(out)::value_type;
  const bool foreign = out.chain() != builder;
  if (foreign) builder->fault("the answer is a node of another chain");
  graph::plan_ptr plan = builder->compile(foreign ? graph::no_index : out.id(), graph::builder::exits::end_here);
  graph::announce(*plan);
  return chain<In, output>(std::move(plan));
}

}  // namespace catena
