// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What people write between two `>>`: a named stage and what may be said about it.
#include <catena/chain/coroutine_step.hpp>
#include <catena/chain/function_step.hpp>
#include <catena/chain/guard_step.hpp>
#include <catena/chain/nested_step.hpp>
#include <catena/chain/offload_step.hpp>
#include <catena/chain/operation_step.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace catena {

namespace detail {

struct inline_execution {};  ///< the stage runs where its run runs

/// Chooses how a callable becomes a step; a wrong wiring stops here, with one line that names both sides.
template <class F, fixed_string Name, class On, class... In>
struct work_step {
  static auto choose() {
    using traits = callable<F, In...>;
    constexpr bool moved = !std::is_same_v<On, inline_execution>;
    if constexpr (native_stage<F>) {
      if constexpr (!native_accepts<F, In...>) {
        stage_cannot_take<stage_named<Name>, typename F::catena_takes, given<In...>> error;
        return error;
      } else {
        return std::type_identity<typename F::template catena_step<In...>>{};
      }
    } else if constexpr (traits::kind == stage_kind::wrong) {
      stage_cannot_take<stage_named<Name>, typename signature<F>::parameters, given<In...>> error;
      return error;
    } else if constexpr (traits::kind == stage_kind::coroutine) {
      return std::type_identity<coroutine_step<F, On, In...>>{};
    } else if constexpr (traits::kind == stage_kind::operation) {
      static_assert(!moved, "catena: .on(executor) is for functions and coroutines; an operation chooses its own executor");
      return std::type_identity<operation_step<F, In...>>{};
    } else if constexpr (moved) {
      return std::type_identity<offload_step<F, On, In...>>{};
    } else {
      return std::type_identity<function_step<F, In...>>{};
    }
  }
  using type = typename decltype(choose())::type;
};

}  // namespace detail

/// A named stage: what runs, and what may happen on the way. A value; copying it copies the callable.
///
///     stage("graph", link_score).timeout(50ms).fallback(no_links)
///
/// A stage with a fallback sees its inputs as const references, because both may need them.
template <class F, fixed_string Name = fixed_string<1>{}, class On = detail::inline_execution,
          class Fallback = detail::no_fallback, bool Guarded = false>
class stage_of {
 public:
  using catena_stage_expression = void;
  stage_of(std::string name, F f, On on, Fallback otherwise, detail::guard_options guard)
      : name_(std::move(name)), f_(std::move(f)), on_(std::move(on)), fallback_(std::move(otherwise)), guard_(std::move(guard)) {}

  /// Gives up after `limit`, queueing included, with errc::timed_out; a function that runs inline is not interrupted,
  /// but its late answer is not used.
  [[nodiscard]] auto timeout(duration limit) && {
    guard_.timeout = limit;
    return guarded();
  }

  /// Answers with `f(inputs...)` when the stage fails for any reason but cancellation and the run's deadline.
  /// \param reserve how much of the run's time is kept for the fallback: the stage itself times out that much earlier
  template <class G>
  [[nodiscard]] auto fallback(G f, duration reserve = {}) && {
    static_assert(std::is_same_v<Fallback, detail::no_fallback>, "catena: a stage has one fallback; nest a stage for more");
    guard_.reserve = reserve;
    return stage_of<F, Name, On, G, true>(std::move(name_), std::move(f_), std::move(on_), std::move(f), std::move(guard_));
  }

  /// Runs the stage's function or coroutine on another executor; the run goes on on its own. A function's inputs stay
  /// alive until it has returned, also when the run has ended before.
  template <class Executor>
  [[nodiscard]] auto on(Executor executor) && {
    static_assert(std::is_same_v<On, detail::inline_execution>, "catena: a stage runs on one executor");
    return stage_of<F, Name, Executor, Fallback, Guarded>(std::move(name_), std::move(f_), std::move(executor),
                                                          std::move(fallback_), std::move(guard_));
  }

  /// Puts a bounded queue in front of the stage, shared by all runs of the chain.
  [[nodiscard]] auto queue(queue_options options) && {
    guard_.queue = options;
    return guarded();
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  template <class G>
  using with_callable = stage_of<G>;

  /// The type that comes out when the stage is given In...
  template <class... In>
  using output = typename detail::work_step<F, Name, On, In...>::type::output;

  /// Adds the stage to a chain being written down; returns the id of its value.
  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> inputs) && {
    if constexpr (Guarded) {
      using step = detail::guard_step<stage_of<F, Name, On>, Fallback, In...>;
      return step::add_to(chain, name_, std::move(inputs),
                          stage_of<F, Name, On>("", std::move(f_), std::move(on_), {}, {}), std::move(fallback_), guard_);
    } else {
      using step = typename detail::work_step<F, Name, On, In...>::type;
      graph::stage_request request;
      request.name = std::move(name_);
      request.inputs = std::move(inputs);
      if constexpr (std::is_same_v<On, detail::inline_execution>) step::prepare(chain, request, std::move(f_));
      else step::prepare(chain, request, std::move(f_), std::move(on_));
      return chain.add_stage(std::move(request));
    }
  }

 private:
  auto guarded() {
    return stage_of<F, Name, On, Fallback, true>(std::move(name_), std::move(f_), std::move(on_), std::move(fallback_),
                                                 std::move(guard_));
  }

  std::string name_;
  F f_;
  [[no_unique_address]] On on_;
  [[no_unique_address]] Fallback fallback_;
  detail::guard_options guard_;
};

/// A stage with a name and what it runs: a function `U(In...)`, `result<U>(In...)`, a coroutine `awaitable<U>(call, In...)`,
/// an Asio operation `(In..., token)`, a chain or a model. Each but chains and models may take the call first.
/// \threads   the callable is called concurrently by the runs of its chain
/// \lifetime  the callable is copied into the chain
template <class F>
[[nodiscard]] auto stage(std::string name, F f) {
  return stage_of<F>(std::move(name), std::move(f), {}, {}, {});
}

/// The same with a name that wiring errors can show.
template <fixed_string Name, class F>
[[nodiscard]] auto stage(F f) {
  return stage_of<F, Name>(std::string(Name.view()), std::move(f), {}, {}, {});
}

}  // namespace catena
