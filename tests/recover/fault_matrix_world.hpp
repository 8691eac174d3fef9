// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The fault matrix's manual world: a stage that wears what a cell says, and the requests that come to it.
#include <catena/cache.hpp>
#include <catena/chain.hpp>
#include <catena/schedule/admission.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "recover/fault_matrix_work.hpp"
#include "support/outcome.hpp"

namespace catena::test::matrix {

// ---- the stage ----

/// What the stages of a cell are made of.
struct parts {
  parts(const runtime& runtime, const terms& terms, any_work w)
      : rt(runtime),
        said(terms),
        work(std::move(w)),
        breaker({.consecutive = said.bad_in_a_row, .bad_share = 0, .patience = 10ms, .first_wait = said.open_for, .probes = 1}),
        gate(rt, {.buckets = {shared_bucket(rt, "tokens", {.refill = {.tokens = 1, .per = said.token_each}, .capacity = 1})}}),
        kept(rt, {.capacity_count = 100}),
        places(said.places) {}

  runtime rt;
  terms said;
  any_work work;
  retry_budget budget{{.share = 10, .per_second = 1000}};
  circuit_breaker breaker;
  admission gate;
  catena::cache<int> kept;
  bulkhead places;
};

inline int fallback(const int& input) { return -input; }

template <policy Which, class Stage>
auto said(Stage s, const parts& p) {
  const terms& t = p.said;
  if constexpr (Which == policy::timeout) return std::move(s).timeout(t.timeout);
  else if constexpr (Which == policy::attempt_timeout) return std::move(s).attempt_timeout(t.attempt_timeout);
  else if constexpr (Which == policy::retry)
    return std::move(s).retry({.retries = t.retries, .first_wait = t.pause, .factor = 1, .jitter = jitter::none, .budget = p.budget});
  else if constexpr (Which == policy::breaker) return std::move(s).breaker(p.breaker);
  else if constexpr (Which == policy::hedge)
    return std::move(s).hedge({.quantile = 0.5, .least_count = 8, .least_delay = t.hedge_after, .budget = p.budget});
  else if constexpr (Which == policy::fallback) return std::move(s).fallback(&fallback, t.reserve);
  else if constexpr (Which == policy::queue) return std::move(s).queue({.capacity = t.queue_capacity, .ttl = t.queue_ttl});
  else if constexpr (Which == policy::limit) return std::move(s).limit(p.gate);
  else if constexpr (Which == policy::bulkhead) return std::move(s).bulkhead(p.places);
  else if constexpr (Which == policy::fail_early)
    return std::move(s).fail_early({.chance = 0.5, .least_count = t.calls_asked_for, .probe_share = 0.001});
  else return std::move(s).cache(p.kept);
}

/// Says them in an order of its own: they stand in the documented one.
template <policy_set Set, class Stage>
auto dressed(Stage s, const parts& p) {
  if constexpr (Set == 0) {
    return s;
  } else {
    constexpr auto last = static_cast<policy>(std::bit_width(Set) - 1);
    return dressed<Set & ~just(last)>(said<last>(std::move(s), p), p);
  }
}

/// The stage that wears them, as one type for all sets of them.
struct any_stage {
  using catena_stage_expression = void;
  using ids = std::vector<std::uint32_t>;
  template <class...>
  using output = int;

  [[nodiscard]] static std::string name() { return "s"; }
  template <class...>
  std::uint32_t add_to(graph::builder& chain, ids inputs) && {
    return add(chain, std::move(inputs), *of);
  }

  std::uint32_t (*add)(graph::builder&, ids, const parts&);
  const parts* of = nullptr;
};

template <policy_set Set>
std::uint32_t add_wearing(graph::builder& chain, any_stage::ids inputs, const parts& p) {
  auto undressed = stage("s", p.work).effects(p.said.once ? effects::once : effects::idempotent);
  return dressed<Set>(std::move(undressed), p).template add_to<int>(chain, std::move(inputs));
}
inline std::uint32_t add_with_limit_first(graph::builder& chain, any_stage::ids inputs, const parts& p) {
  return said<policy::bulkhead>(said<policy::limit>(stage("s", p.work), p), p).add_to<int>(chain, std::move(inputs));
}

/// One for each set of two policies at most.
inline any_stage stage_wearing(const dress& d, const parts& p) {
  if (d.said.limit_first) return {&add_with_limit_first, &p};
  struct entry {
    policy_set set;
    decltype(any_stage::add) add;
  };
  static constexpr auto pairs = []<std::size_t... I>(std::index_sequence<I...>) {
    const auto one = []<std::size_t A, std::size_t B>() -> entry {
      constexpr policy_set set = 1U << A | 1U << B;
      if constexpr (A <= B) return {set, &add_wearing<set>};
      else return {};
    };
    return std::array<entry, sizeof...(I)>{one.template operator()<I / policy_count, I % policy_count>()...};
  }(std::make_index_sequence<policy_count * policy_count>());
  return {d.set == 0 ? &add_wearing<0> : std::ranges::find(pairs, d.set, &entry::set)->add, &p};
}

// ---- a cell's course ----

/// One run of the cell's chain.
struct asked_run {
  int input = 0;
  boost::asio::cancellation_signal signal;
  outcome<int> end;
  run_notes notes;
  time_point began{}, ended{};
};

class scene {
 public:
  explicit scene(const cell& c)
      : cell_(c),
        world_(c.order),
        rt_(world_.runtime()),
        to_{.of = &c, .world = &world_, .rt = rt_},
        parts_(rt_, c.wears.said, work_of(c.made_of->is, to_)) {}

  /// \errors graph_error
  void build() {
    chain_.emplace(make_chain<int>(rt_, "c", [&](auto in) { return in >> stage_wearing(cell_.wears, parts_); }));
  }

  /// So many calls that .fail_early and a hedge know what is usual.
  void begin() {
    if (cell_.wears.has(policy::fail_early)) teach(target::by_one_who_teaches, cell_.wears.said.lessons);
    if (cell_.wears.has(policy::hedge)) teach(target::by_one_who_is_well, hedge_lessons);
    start_ = world_.now();
    to_.let_go = start_ + 400ms;
  }

  /// How the next request has ended when it and its neighbour must have.
  [[nodiscard]] std::optional<run_end> request(std::size_t number) {
    const time_point now = start_ + number * cell_.request_each();
    go_on_until(now);
    to_.request = number;
    const auto within = [&](duration limit) { return run_options{.deadline = cell_.has_deadline ? now + limit : no_deadline}; };
    if (cell_.has_neighbour(number)) {
      neighbour_ = &ask(target::by_the_neighbour, within(deadline_after));
      world_.run_until_idle();
    }
    asked_run& r = ask(target::asked, within(cell_.deadline_of(number)));
    if (cell_.cancelled_after != never) {
      if (cell_.cancelled_after > duration{}) go_on_until(now + cell_.cancelled_after);
      r.signal.emit(boost::asio::cancellation_type::terminal);
    }
    go_on_until(cell_.has_deadline ? now + deadline_after : now + cell_.request_each() - 1us);
    return seen_of(r);
  }
  [[nodiscard]] std::optional<run_end> neighbour_end() { return seen_of(*neighbour_); }
  [[nodiscard]] bool has_kept() const { return static_cast<bool>(parts_.kept.get(key_space("s").key(target::asked))); }
  [[nodiscard]] std::size_t left_behind() const { return rt_.left_behind_count(); }

  /// How one who does well fares when all has been let go.
  [[nodiscard]] std::optional<run_end> much_later() {
    go_on_until(start_ + 1h);
    asked_run& r = ask(target::by_one_who_is_well + 100, {.deadline = world_.now() + deadline_after});
    world_.run();
    return seen_of(r);
  }
  /// What has not been given back when all has ended.
  [[nodiscard]] std::string remains() {
    outcome<void> drained;
    rt_.async_drain(no_deadline, drained.take());
    world_.run();
    std::string what;
    if (!drained.answered()) what += " a run that drain waits for";
    if (rt_.left_behind_count() != 0) what += " work left behind";
    if (parts_.places.in_flight_approx() != 0) what += " a place of the bulkhead";
    if (to_.under_way != 0) what += " work under way";
    if (world_.context().outstanding_work_count() != 0) what += " a held executor";
    for (const auto& r : runs_)
      if (r.end.count() != 1) what += " a run that ended " + std::to_string(r.end.count()) + " times";
    return what;
  }

 private:
  void teach(int first, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      ask(first + static_cast<int>(i), {});
      world_.advance(200ms);
    }
  }
  asked_run& ask(int input, run_options options) {
    asked_run& r = runs_.emplace_back();
    r.input = input;
    options.notes = &r.notes;
    to_.asks = input;
    to_.begun[input] = 0;
    r.began = world_.now();
    auto handler = [this, &r, h = r.end.take()](result<int> answered) mutable {
      r.ended = world_.now();
      h(std::move(answered));
    };
    if (cell_.cancelled_after == never) chain_->async_run(input, options, std::move(handler));
    else chain_->async_run(input, options, boost::asio::bind_cancellation_slot(r.signal.slot(), std::move(handler)));
    return r;
  }
  void go_on_until(time_point when) { world_.advance(std::max(when - world_.now(), duration{})); }
  [[nodiscard]] std::optional<run_end> seen_of(asked_run& r) {
    if (r.end.count() != 1) return std::nullopt;
    const failure why = r.end.why();
    run_end seen{.code = why.code(), .degraded = r.notes.degraded, .at = r.ended - r.began, .begun = to_.begun[r.input]};
    if (!why.is_set()) {
      const bool is_right = r.end.value() == (seen.degraded ? fallback(r.input) : target::answer(r.input));
      if (!is_right) seen.odd = "it is the wrong answer";
      return seen;
    }
    seen.attempt = why.attempt();
    if (!why.is(errc::cancelled) && !why.path().starts_with("c/s")) seen.odd = "its path is " + why.path();
    return seen;
  }

  const cell& cell_;
  testing::manual_world world_;
  runtime rt_;
  target to_;
  parts parts_;
  std::optional<chain<int, int>> chain_;
  std::deque<asked_run> runs_;
  asked_run* neighbour_ = nullptr;
  time_point start_{};
};

}  // namespace catena::test::matrix
