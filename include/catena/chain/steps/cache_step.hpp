// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage whose answers are kept: `.cache(...)`.
#include <catena/cache/cache.hpp>
#include <catena/chain/steps/stage_plan.hpp>

#include <boost/asio/post.hpp>

#include <atomic>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace catena {

/// By what a stage's answers are known in its cache.
struct stage_cache_options {
  std::string name = {};     ///< empty: the model's or the chain's, else the stage's
  std::string version = {};  ///< empty: the model's, else none
  failure_memory failures = failure_memory::forget;  ///< whether they are kept for cache_options::negative_ttl
};

namespace detail {

/// What names a callable's answers, where it has a name of its own.
template <class F>
key_space key_space_of(const F& f, const std::string& stage, const stage_cache_options& options) {
  std::string name = options.name;
  std::string version = options.version;
  if constexpr (requires { f.version(); }) {
    if (version.empty()) version = f.version();
  }
  if constexpr (native_stage<F> && requires { f.name(); }) {
    if (name.empty()) name = f.name();
  }
  return key_space(name.empty() ? stage : name, version);
}

/// What `.cache(...)` was given.
template <class T>
struct cache_terms {
  using value_type = T;
  catena::cache<T> in;
  stage_cache_options options;
};

template <class T>
struct cache_operation : parent_operation, ready_node {
  struct part : flight<T> {
    using flight<T>::flight;
    cache_operation* operation = nullptr;
  };

  cache_operation(graph::run& r, std::uint32_t index, const cache_key& key, detail::cache_flight::wake_function woken)
      : parent_operation(r, index), member(key, woken) {
    member.operation = this;
  }
  void reset() noexcept {
    member.reset();
    work.drop();
  }

  part member;
  std::atomic<bool> computes{false};  ///< for all; whoever clears it ends the flight
  work_elsewhere work;  ///< held while it waits: whoever computes may work elsewhere
  bool waited = false;  ///< set before the operation can be cancelled
};

/// One run's turn at a cached stage: it finds the answer, or waits for somebody who computes it, or computes it for all.
template <class T, class... In>
struct cache_step {
  using output = T;
  using inputs = arguments<passing::dynamic, In...>;
  using operation = cache_operation<T>;
  using turn = typename cache<T>::turn;

  struct stage_data {
    cache<T> in;
    key_space keys;
    failure_memory failures;
    graph::plan_ptr work;
  };

  static void release_inputs(graph::run& r, const graph::step& s) noexcept { inputs(r, s).release(); }

  /// Fills in everything but the stage's name and inputs.
  static void prepare(graph::builder& chain, graph::stage_request& request, stage_data data) {
    request.layer = step_layer::cache;
    describe_child_step<output, operation>(chain, request, data.work, sizeof...(In), &execute, &cancel);
    request.stage = std::make_shared<const stage_data>(std::move(data));
  }

 private:
  static const stage_data& data_of(const operation& op) noexcept { return *static_cast<const stage_data*>(op.its_step().stage); }

  static graph::outcome execute(graph::run& r, const graph::step& s) {
    const auto& data = *static_cast<const stage_data*>(s.stage);
    auto& op = make_operation<operation>(r, s, key_of(data, r, inputs(r, s)), &woken);
    op.resume = &resumed;
    switch (data.in.begin(op.member)) {
      case turn::hit: return take_hit(op);
      case turn::leads: return lead(op);
      default: return wait(op);
    }
  }

  static cache_key key_of(const stage_data& data, const graph::run& r, const inputs& from) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return data.keys.key_for(r.tenant, std::as_const(*from.template get<I>())...);
    }(std::index_sequence_for<In...>{});
  }

  static graph::outcome take_hit(operation& op) {
    graph::run& r = *op.owner;
    r.note(op.step, "catena.cache", "hit");
    take_cached(op);
    end_operation<cache_step>(op);
    return r.stopped() ? graph::outcome::stopped : graph::outcome::done;
  }

  /// Copies what the cache has answered, or fails with the failure that it remembers.
  static void take_cached(operation& op) noexcept {
    graph::run& r = *op.owner;
    const graph::step& s = op.its_step();
    const cached<T> known = op.member.answer();
    if (!known) return r.fail(s, known.why());
    try {
      emplace_output<T>(r, s, *known);
    } catch (...) {
      r.fail(s, failure::from(std::current_exception()));
    }
  }

  // ---- waiting for somebody who computes ----

  static graph::outcome wait(operation& op) {
    graph::run& r = *op.owner;
    const graph::step& s = op.its_step();
    const boost::intrusive_ptr<graph::run> pinned(&r);  // as soon as it can be cancelled, the run can end
    op.work.hold(r);
    op.waited = true;
    r.note(op.step, "catena.cache", "wait");
    if (!r.enlist(op)) {
      if (data_of(op).in.give_up(op.member)) {
        end_operation<cache_step>(op);
        return graph::outcome::stopped;
      }
      r.guarded([&] { stop_children_locked(op); });
    }
    return finish_start<cache_step>(r, s, op);
  }

  /// On any thread.
  static void woken(cache_flight& f) {
    operation& op = *static_cast<typename operation::part&>(f).operation;
    op.owner->resume_on_executor(op);
  }

  /// ready_node::resume of one that was woken, on its run's executor: it is answered, or computes in another one's stead.
  static void resumed(ready_node& node, wake how) {
    auto& op = static_cast<operation&>(node);
    const bool leads = op.member.leads();
    if (how == wake::abandoned) {
      if (leads) data_of(op).in.abandon(op.member);
      return abandon_step<cache_step>(op);
    }
    op.computes = leads;
    if (leads && !op.owner->stopped()) return start_work(op);
    if (leads) abandon(op);
    else take_cached(op);
    complete_step<cache_step>(op);
  }

  static bool cancel(graph::operation& base) {
    auto& op = static_cast<operation&>(base);
    if (op.waited && data_of(op).in.give_up(op.member)) {
      // Nobody wakes it any more: the run need not wait, and its inputs end with the run.
      op.work.drop();
      return true;
    }
    if (op.computes) boost::asio::post(op.owner->executor(), hand_over{op.owner, &op});
    stop_children_locked(op);
    return false;
  }

  // ---- computing, for all who ask ----

  /// The run is stopped: another one computes, however long it takes until the work has ended that was told to.
  struct hand_over {
    boost::intrusive_ptr<graph::run> pinned;
    operation* op;
    void operator()() const noexcept { abandon(*op); }
  };

  static void abandon(operation& op) noexcept {
    if (op.computes.exchange(false)) data_of(op).in.abandon(op.member);
  }

  static graph::outcome lead(operation& op) {
    graph::run& r = *op.owner;
    const graph::step& s = op.its_step();
    op.computes = true;
    if (!data_of(op).work->sequential && !r.enlist(op)) {
      abandon(op);
      end_operation<cache_step>(op);
      return graph::outcome::stopped;
    }
    start_work(op);
    return finish_start<cache_step>(r, s, op);
  }

  static void start_work(operation& op) {
    const graph::step& s = op.its_step();
    const failure why = begin_child(op, *data_of(op).work, {.ended = &ended, .abandoned = &abandoned},
                                    [&](graph::run& made) { child_inputs<In...>::give(*op.owner, s, made); });
    if (!why.is_set()) return;
    abandon(op);
    op.owner->fail(s, why);
    complete_step<cache_step>(op);
  }

  static void ended(graph::run& child, parent_operation& parent) {
    auto& op = static_cast<operation&>(parent);
    const bool publishes = answer_of<T>(child) && !child.degraded;
    if (publishes && op.computes.exchange(false)) {
      publish(op, child);
    } else {
      end_flight_without_answer(op, child);
      pass_on_never_began(child, *op.owner);
      take_answer<output>(child, *op.owner, op.its_step());
    }
    child.release();
    complete_step<cache_step>(op);
  }

  /// Gives the answer to the cache and to all who wait, and takes a copy; what cannot be stored has failed for all.
  static void publish(operation& op, graph::run& child) noexcept {
    graph::run& r = *op.owner;
    const graph::step& s = op.its_step();
    std::optional<cached<T>> stored;
    try {
      stored = data_of(op).in.publish(op.member, take_answer_of<T>(child));
      emplace_output<T>(r, s, **stored);
    } catch (...) {
      failure why = failure::from(std::current_exception());
      if (!stored) fail_flight(op, why, failure_memory::forget);
      r.fail(s, std::move(why));
    }
  }

  /// What went wrong for the leader alone fails nobody else: one of those who wait computes in its stead.
  static void end_flight_without_answer(operation& op, graph::run& child) noexcept {
    const bool failed = child.why_stopped() == graph::stop_reason::failed && !is_personal(child.reason()) && !op.owner->stopped();
    if (!failed) return abandon(op);
    if (op.computes.exchange(false)) fail_flight(op, child.reason(), data_of(op).failures);
  }

  /// A failure that says something of who asked (how much time it had, how urgent it was) and nothing of what was asked.
  static bool is_personal(const failure& why) {
    return why.is(errc::cancelled) || why.is(errc::deadline_exceeded) || why.is(errc::not_admitted);
  }

  static void fail_flight(operation& op, failure why, failure_memory how) noexcept {
    try {
      data_of(op).in.fail(op.member, std::move(why), how);
    } catch (...) {
      data_of(op).in.abandon(op.member);  // no memory to tell them: they find out for themselves
    }
  }

  static void abandoned(parent_operation& parent) noexcept {
    auto& op = static_cast<operation&>(parent);
    abandon(op);
    abandon_step<cache_step>(op);
  }
};

/// A stage expression with a cache in front of it.
template <class Base, class T>
struct cached_stage {
  template <class... In>
  using output = typename Base::template output<In...>;

  template <class... In>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> ids) && {
    static_assert(std::is_same_v<T, output<In...>>, "catena: a stage that answers T is given a catena::cache<T>");
    static_assert(std::copy_constructible<T>, "catena: what is cached is copied to each who asks: let the stage answer a std::shared_ptr<const T>");
    using step = cache_step<T, In...>;
    graph::stage_request request;
    request.name = name;
    request.inputs = std::move(ids);
    request.tunables = {{{"cache"}, in.tuning()}};
    step::prepare(chain, request,
                  {std::move(in), std::move(keys), failures, plan_of_stage<Base, In...>(chain, label_of(chain, name), std::move(base))});
    return chain.add_stage(std::move(request));
  }

  std::string name;  ///< empty where another step around it has it
  Base base;
  catena::cache<T> in;
  key_space keys;
  failure_memory failures;
};

}  // namespace detail
}  // namespace catena
