// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What people write between two `>>`: a named stage and what may be said about it.
#include <catena/chain/steps/coroutine_step.hpp>
#include <catena/chain/steps/function_step.hpp>
#include <catena/chain/steps/nested_step.hpp>
#include <catena/chain/steps/offload_step.hpp>
#include <catena/chain/steps/operation_step.hpp>
#include <catena/chain/steps/said.hpp>
#include <catena/schedule/bulkhead.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
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
/// However it is written, what is said stands in one order, from the outside in:
///
///     .trace_...                             what may be seen of inputs and answer is left in the trace, if there is a tracer
///     .notify                                a person is told when all that is inside has failed
///       .fallback                            answers when what is inside fails, the first one that does
///         .timeout                           covers all that is inside: waiting as well as working, and all attempts
///           .cache                           a hit, and waiting for somebody who computes the same, go no further in
///             .retry                         one attempt after the other; each of them goes through all that is inside
///               .hedge                       an attempt beside one that takes long; the same
///                 .fail_early                an attempt that has no chance to end in time is not begun
///                   .breaker                 an attempt is let through, and how it ends is counted
///                     .queue                 a place among those in the stage
///                       .limit               tokens, and .bulkhead: places; several of them one after the other, as they are said
///                         .attempt_timeout   covers the work alone
///                           .on              where the work runs
///                             work           what the stage is made of
///
/// So a stage that is late falls back, and so does one that is refused at a queue or a limit; a hit pays nothing; who leads a
/// computation that others wait for waits and pays for all; a retry pays again; an attempt that was refused inside says nothing
/// to the breaker; and what a fallback answers is never kept as the stage's own.
///
/// A stage with a fallback, one that may be done twice, or one whose failures are told sees its inputs as const references, because
/// somebody may need them again.
template <class F, fixed_string Name = fixed_string<1>{}, class On = detail::inline_execution, class Said = detail::said<>>
class stage_of {
 public:
  using catena_stage_expression = void;
  stage_of(std::string name, F f, On on, Said said)
      : name_(std::move(name)), f_(std::move(f)), on_(std::move(on)), said_(std::move(said)) {}

  /// Gives up after `limit`, waiting and all attempts included, with errc::timed_out. Work that does not end when it is told to
  /// is not waited for. A function that runs inline cannot be ended, and a timeout for it is a fault of the chain.
  [[nodiscard]] auto timeout(duration limit) && {
    said_.attempts.timeout = limit;
    return saying(std::move(said_).template with<detail::layer::time>());
  }

  /// The same for each attempt, and for its work alone: waiting in a queue or for tokens is not a part of it.
  [[nodiscard]] auto attempt_timeout(duration limit) && {
    said_.attempts.attempt_timeout = limit;
    return saying(std::move(said_).template with<detail::layer::attempt_time>());
  }

  /// Tries the stage again when it fails and that is worth it: after a pause that grows, as often as the options and a budget
  /// allow, and never beyond the run's deadline or the stage's timeout. What is inside, a nested chain say, has no more retries
  /// of its own than are left here, so that loops in loops do not multiply; a pool's failovers draw on them, too, and need no pause.
  /// An attempt that the stage's own breaker refuses costs nothing of the budget. The failure says which attempt it was.
  [[nodiscard]] auto retry(retry_options options = {}) && {
    said_.attempts.retry = std::move(options);
    return saying(std::move(said_).template with<detail::layer::retry>());
  }

  /// Leaves the stage alone for a while after it did badly: then it fails with errc::unavailable and retry_after, at once.
  [[nodiscard]] auto breaker(circuit_breaker shared) && {
    said_.attempts.breaker = std::move(shared);
    return saying(std::move(said_).template with<detail::layer::breaker>());
  }

  /// Asks again, beside an attempt that takes longer than most have lately, and takes the answer that comes first. Who loses is
  /// told to stop and not waited for. Not more often than the options and a budget allow, also when the whole target is slow.
  [[nodiscard]] auto hedge(hedge_options options = {}) && {
    said_.hedge = std::move(options);
    return saying(std::move(said_).template with<detail::layer::hedge>());
  }

  /// Fails at once with errc::deadline_unreachable where what the work takes lately leaves an attempt next to no chance to end by the
  /// deadline of the run, the stage or the attempt, whichever is nearest. Of the time until the first two goes what an attempt waits
  /// in the stage's queue and limits, as far as those tell who began lately; a model's own queue is a part of its work. It has not
  /// begun then: it can fall back, is not tried again, costs nothing and says nothing to the breaker. The failure says what the work
  /// usually takes, and where times are recorded what the run has spent on which stages.
  [[nodiscard]] auto fail_early(const fail_early_options& options = {}) && {
    said_.early = options;
    return saying(std::move(said_).template with<detail::layer::early>());
  }

  /// What doing the stage twice does. Without it effects::idempotent. One whose effects are effects::once is tried again only if
  /// its work has not begun: it was refused at a queue, a limit or a breaker.
  [[nodiscard]] auto effects(catena::effects what) && {
    said_.attempts.effects = what;
    return std::move(*this);
  }

  /// Answers with `f(inputs...)` when the stage fails for any reason but cancellation and the run's deadline; f is not told why.
  /// Said again, the next one answers when this one fails. The run's answer is then degraded, which run_notes and its record say.
  /// \param reserve how much of the run's time is kept for the fallback: what comes before it times out that much earlier
  template <class G>
  [[nodiscard]] auto fallback(G f, duration reserve = {}) && {
    return saying(std::move(said_).with_fallback(stage_of<G, "fallback">("fallback", std::move(f), {}, {}), reserve));
  }

  /// Tells a person when the stage and all its fallbacks have failed: where, why, after how many attempts, and with which inputs, if
  /// their types have opted in (see told_of). Not of a run that was cancelled or had no time left. What the notifier's sinks do cannot
  /// fail or delay the run.
  ///
  /// The run fails then, or with notify_options::park waits for a decision (see decision.hpp): all that is inside has ended by then and
  /// holds nothing, the caller is told errc::parked at once with a ticket for the answer, and until the decision the run has no deadline.
  [[nodiscard]] auto notify(notifier to, notify_options options = {}) && {
    said_.notify = detail::notify_terms{std::move(to), std::move(options)};
    return saying(std::move(said_).template with<detail::layer::notify>());
  }

  /// Leaves the keyed XXH3-128 hash of the stage's answer in traces, as catena.output.hash: whether two requests had the same is seen, not
  /// what it was. See tracer_options::hash_key. Like what follows it is computed for each request that is recorded, kept or not.
  [[nodiscard]] auto trace_hash() && { return saying(std::move(said_).with_traced(std::move(said_.traced).with_hash())); }

  /// Leaves in traces what a redactor lets be seen of the stage's inputs; nothing of them is in traces otherwise. A redactor that throws keeps
  /// what it was given to itself.
  /// \param redact     a function of the stage's inputs, `const In&...` to text, a number or a bool
  /// \param attribute  its name, as gen_ai.input.messages
  template <class Redact>
  [[nodiscard]] auto trace_inputs(Redact redact, std::string attribute = "catena.inputs") && {
    static_assert(!Said::tells_inputs, "catena: a stage has one redactor for its inputs");
    return saying(std::move(said_).with_traced(std::move(said_.traced).with_inputs(std::move(redact), std::move(attribute))));
  }
  /// The same of its answer, `const Out&`.
  template <class Redact>
  [[nodiscard]] auto trace_output(Redact redact, std::string attribute = "catena.output") && {
    static_assert(!Said::tells_output, "catena: a stage has one redactor for its answer");
    return saying(std::move(said_).with_traced(std::move(said_.traced).with_output(std::move(redact), std::move(attribute))));
  }

  /// Runs the stage's function or coroutine on another executor; the run goes on on its own. A function's inputs stay
  /// alive until it has returned, also when the run has ended before.
  template <class Executor>
  [[nodiscard]] auto on(Executor executor) && {
    static_assert(std::is_same_v<On, detail::inline_execution>, "catena: a stage runs on one executor");
    return stage_of<F, Name, Executor, Said>(std::move(name_), std::move(f_), std::move(executor), std::move(said_));
  }

  /// Puts a bounded queue in front of the stage, shared by all runs of the chain.
  [[nodiscard]] auto queue(queue_options options) && {
    said_.queue = options;
    return saying(std::move(said_).template with<detail::layer::queue>());
  }

  /// Keeps the stage's answers: whoever asks the same again finds them, inline, before queue and limit, and of many who ask
  /// at once one computes for all. The same means: name, version, inputs and the run's tenant.
  ///
  /// Everybody gets a copy; an answer that is expensive to copy is a std::shared_ptr<const T>. One who is cancelled or out of
  /// time disturbs no other: if he computes, another one takes over. A failure reaches all who wait, and is forgotten unless
  /// the options say otherwise; early exits and what a fallback answers are not kept.
  ///
  /// Stages that share a cache share the answers of equal name and version: give those of different meaning different names.
  template <class T>
  [[nodiscard]] auto cache(catena::cache<T> in, stage_cache_options options = {}) && {
    static_assert(!Said::has_cache, "catena: a stage has one cache");
    static_assert(!requires { typename F::catena_answers_vary; },
                  "catena: versions do not share a cache: add each of them as a stage that has one");
    return saying(std::move(said_).with_cache(detail::cache_terms<T>{std::move(in), std::move(options)}));
  }

  /// Lets the stage begin only when the gate lets it in: an admission takes `cost` tokens before, and the stage waits for
  /// them in its line until the run's deadline or the stage's timeout, or is refused with errc::not_admitted and
  /// retry_after. What has not begun pays nothing. Tokens that are there are taken inline.
  /// \param cost       a number, or a function of the stage's inputs, `const T&...` to a number
  /// \param true_cost  a function of its answer, `const Out&` to a number: what it took too much is put back, what it
  ///                   took too little is taken on top
  template <class Gate, class Cost = std::int64_t, class TrueCost = detail::true_as_estimated>
  [[nodiscard]] auto limit(Gate through, Cost cost = 1, TrueCost true_cost = {}) && {
    return saying(std::move(said_).with_limit(detail::terms_of(std::move(through), std::move(cost), std::move(true_cost))));
  }

  /// Lets at most so many runs into the stage at once, or into all stages that share the bulkhead; the rest fails at once with
  /// errc::queue_full. Work that is left behind at its `.timeout` keeps its place until it has ended.
  [[nodiscard]] auto bulkhead(catena::bulkhead shared) && { return std::move(*this).limit(std::move(shared)); }
  [[nodiscard]] auto bulkhead(std::size_t places) && { return std::move(*this).limit(catena::bulkhead(places)); }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// The type that comes out when the stage is given In...
  template <class... In>
  using output = typename detail::work_step<F, Name, On, In...>::type::output;

  /// Adds the stage to a chain being written down; returns the id of its value.
  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> inputs) && {
    if constexpr (Said::is_nothing) {
      using step = typename detail::work_step<F, Name, On, In...>::type;
      graph::stage_request request;
      request.name = std::move(name_);
      request.inputs = std::move(inputs);
      if constexpr (std::is_same_v<On, detail::inline_execution>) step::prepare(chain, request, std::move(f_));
      else step::prepare(chain, request, std::move(f_), std::move(on_));
      return chain.add_stage(std::move(request));
    } else {
      return add_layers<In...>(chain, std::move(inputs));
    }
  }

 private:
  template <class Other>
  auto saying(Other other) {
    return stage_of<F, Name, On, Other>(std::move(name_), std::move(f_), std::move(on_), std::move(other));
  }

  /// From the inside out, as the table at the top says; each is a step that runs the next one as a run of its own.
  template <class... In>
  std::uint32_t add_layers(graph::builder& chain, std::vector<std::uint32_t> inputs) {
    using detail::layer;
    constexpr bool has_queue = detail::has(Said::layers, layer::queue);
    constexpr bool has_fallbacks = Said::fallback_count != 0;
    constexpr bool has_notify = detail::has(Said::layers, layer::notify);
    // One step does for several where nothing stands between them.
    constexpr bool has_hedge = detail::has(Said::layers, layer::hedge);
    constexpr bool has_retry = detail::has(Said::layers, layer::retry);
    constexpr bool work_time_apart = detail::has(Said::layers, layer::attempt_time) && (has_queue || Said::has_limits);
    constexpr bool has_each = detail::has(Said::layers, layer::breaker) || (detail::has(Said::layers, layer::attempt_time) && !work_time_apart);
    constexpr bool has_early = detail::has(Said::layers, layer::early);
    constexpr bool has_between = has_hedge || has_early;  // retry and breaker
    constexpr bool measured_apart = has_early && (has_queue || Said::has_limits);
    constexpr bool has_attempts = has_retry || (has_each && !has_between);
    constexpr bool has_time = detail::has(Said::layers, layer::time);
    constexpr bool time_apart = has_time && (Said::has_cache || !has_attempts);

    const bool is_traced = Said::is_traced && chain.runtime()->tracer;
    const std::string around_notify = is_traced ? std::string() : name_;
    const std::string around_fallbacks = has_notify ? std::string() : around_notify;
    const std::string around_time = has_fallbacks ? std::string() : around_fallbacks;
    const std::string around_cache = time_apart ? std::string() : around_time;
    const std::string around_attempts = Said::has_cache ? std::string() : around_cache;
    const std::string around_hedge = has_attempts ? std::string() : around_attempts;
    const std::string around_early = has_hedge ? std::string() : around_hedge;
    const std::string around_each = has_early ? std::string() : around_early;
    const std::string around_queue = has_between && has_each ? std::string() : around_each;
    const std::string around_limits = has_queue ? std::string() : around_queue;
    const std::string around_work = Said::has_limits ? std::string() : around_limits;
    detail::attempt_options& said = said_.attempts;
    std::shared_ptr<detail::early_core> core;
    if constexpr (has_early) {
      core = detail::early_core_of(chain, name_, said_.early);
      if (said.attempt_timeout) said.attempt_limit = std::make_shared<std::atomic<duration::rep>>(said.attempt_timeout->count());
    }
    const auto attempt_limit = said.attempt_limit;
    const detail::attempt_options all_time{.timeout = time_apart ? std::exchange(said.timeout, {}) : std::nullopt};
    const detail::attempt_options work_time{.attempt_timeout = work_time_apart ? std::exchange(said.attempt_timeout, {}) : std::nullopt,
                                            .attempt_limit = attempt_limit};
    detail::attempt_options each{.effects = said.effects, .attempt_limit = attempt_limit};
    if constexpr (has_between) {
      each.breaker = std::exchange(said.breaker, {});
      each.attempt_timeout = std::exchange(said.attempt_timeout, {});
    }
    const auto keys = keys_of();
    [[maybe_unused]] auto traced = std::move(said_.traced);

    const std::string of_work = Said::has_layers || is_traced ? std::string() : name_;
    auto work = detail::attempted<work_time_apart>(around_work, stage_of<F, Name, On>(of_work, std::move(f_), std::move(on_), {}), work_time);
    auto measured = detail::early<measured_apart>("", std::move(work), detail::early_part::measures, attempt_limit, core);
    auto limited = detail::limited(around_limits, std::move(measured), std::move(said_.limits));
    auto queued = detail::queued<has_queue>(around_queue, std::move(limited), said_.queue);
    auto guarded = detail::attempted<has_between && has_each>(around_each, std::move(queued), std::move(each));
    constexpr auto part = measured_apart ? detail::early_part::judges : detail::early_part::all;
    auto judged = detail::early<has_early>(around_early, std::move(guarded), part, attempt_limit, core);
    auto hedged = detail::hedged<has_hedge>(around_hedge, std::move(judged), said_.hedge, said.effects);
    auto tried = detail::attempted<has_attempts>(around_attempts, std::move(hedged), std::move(said));
    auto cached = detail::cached(around_cache, std::move(tried), std::move(said_.cache), keys);
    auto timed = detail::attempted<time_apart>(around_time, std::move(cached), all_time);
    auto whole = detail::replaced(around_fallbacks, std::move(timed), std::move(said_.fallbacks), said_.reserves);
    auto notified = detail::notified<has_notify>(around_notify, std::move(whole), std::move(said_.notify));
    if constexpr (Said::is_traced) {
      if (is_traced) {
        detail::traced_stage<decltype(notified), decltype(traced)> told{std::move(name_), std::move(notified), std::move(traced)};
        return std::move(told).template add_to<In...>(chain, std::move(inputs));
      }
    }
    return std::move(notified).template add_to<In...>(chain, std::move(inputs));
  }

  [[nodiscard]] key_space keys_of() const {
    if constexpr (Said::has_cache) return detail::key_space_of(f_, name_, said_.cache.options);
    else return key_space({});
  }

  std::string name_;
  F f_;
  [[no_unique_address]] On on_;
  Said said_;
};

/// A stage with a name and what it runs: a function `U(In...)`, `result<U>(In...)`, a coroutine `awaitable<U>(call, In...)`,
/// an Asio operation `(In..., token)`, a chain or a model. Each but chains and models may take the call first.
/// \threads   the callable is called concurrently by the runs of its chain
/// \lifetime  the callable is copied into the chain
template <class F>
[[nodiscard]] auto stage(std::string name, F f) {
  return stage_of<F>(std::move(name), std::move(f), {}, {});
}

/// The same with a name that wiring errors can show.
template <fixed_string Name, class F>
[[nodiscard]] auto stage(F f) {
  return stage_of<F, Name>(std::string(Name.view()), std::move(f), {}, {});
}

}  // namespace catena
