// SPDX-License-Identifier: BSL-1.0
// How a run goes from stage to stage.
#include <catena/graph/deadline_watch.hpp>
#include <catena/graph/run.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>

namespace catena::graph {
namespace {

/// Whether a run is a chain's with something in front of it that goes by the same name: a gate.
bool is_limited_by(run* around, const plan& p) noexcept {
  return around && p.is_chain && around->of().meter && around->of().meter->counts_runs() && around->of().name == p.name;
}

}  // namespace

void run::start(ending how, std::optional<time_point> now) {
  if (recorded_) {
    if (!now) now = runtime().time->now();
    spans()[plan_->steps.size()].began = *now;
    if (recording) recording->began.store(now->time_since_epoch().count(), std::memory_order_relaxed);
    if (recording && recording->is_outermost) runtime().live_runs.add(*recording);
    is_whole_ = !is_limited_by(around(), *plan_);
    if (plan_->meter && is_whole_) plan_->meter->began();
  }
  std::uint64_t began = 0;
  if (deadline != no_deadline) {
    if (runtime().time_is_real && (plan_->sequential || !now)) began = cycle_count();
    if (now ? *now >= deadline : is_past(deadline, *runtime().time, began)) stop_with(stop_reason::deadline, failure(errc::deadline_exceeded));
  }
  if (!plan_->sequential) {
    std::uint32_t ready = no_index;
    for (std::size_t i = plan_->roots.size(); i-- > 0;) ready = push_ready(plan_->roots[i], ready);
    run_ready(ready, how, has_looked::yes, now);
    return;
  }
  if (recorded_) walk_timed();
  else if (deadline == no_deadline) walk_plain();
  else walk_until_deadline(began);
  retire(how);
}

void run::fail_with_current_exception(std::uint32_t index) noexcept {
  fail(plan_->steps[index], failure::from(std::current_exception()));
}

/// Runs stages until `last` or until one ends the walk: then false, and s stands at it.
///
/// Eight call sites instead of one: processors predict where an indirect call goes by the call and by what came before it,
/// and in a plain loop over many stages all calls look alike: 4.0 ns a stage instead of 5.7 in a DAG of 64, measured.
inline bool run::execute_until(const step*& s, const step* last) {
  const auto one = [&]() __attribute__((always_inline)) {
    if (stopped() || s->execute(*this, *s) != outcome::done) return false;
    ++s;
    return true;
  };
  while (last - s >= 8)
    if (!(one() && one() && one() && one() && one() && one() && one() && one())) return false;
  while (s != last)
    if (!one()) return false;
  return true;
}

void run::walk_plain() {
  const step* s = plan_->steps.data();
  const step* const first = s;
  const step* const last = s + plan_->steps.size();
  try {
    for (; s != last && !stopped(); ++s)
      if (s->execute(*this, *s) != outcome::done) return;
  } catch (...) {
    fail_with_current_exception(static_cast<std::uint32_t>(s - first));
  }
}

void run::walk_until_deadline(std::uint64_t began) {
  const step* s = plan_->steps.data();
  const step* const first = s;
  const step* const last = s + plan_->steps.size();
  const bool real = runtime().time_is_real;
  deadline_watch watch(real ? plan_->stride.load(std::memory_order_relaxed) : 1, began);
  try {
    while (s != last) {
      const step* const look = s + std::min<std::ptrdiff_t>(watch.stride(), last - s);
      if (!execute_until(s, look)) return;
      if (s == last) break;
      if ((watch.due(cycle_count()) || !real) && runtime().time->now() >= deadline) {
        fail(*s, failure(errc::deadline_exceeded));
        return;
      }
    }
    if (plan_->stride.load(std::memory_order_relaxed) != watch.stride())
      plan_->stride.store(watch.stride(), std::memory_order_relaxed);
  } catch (...) {
    fail_with_current_exception(static_cast<std::uint32_t>(s - first));
  }
}

/// Where one stage ends the next one begins: the clock is read once for each.
void run::walk_timed() {
  const step* s = plan_->steps.data();
  const step* const first = s;
  const step* const last = s + plan_->steps.size();
  const time_source& time = *runtime().time;
  stage_span* span = spans();
  stage_span& whole = span[last - first];
  time_point now = whole.began;
  try {
    for (; s != last && !stopped(); ++s, ++span) {
      if (now >= deadline) {
        fail(*s, failure(errc::deadline_exceeded));
        break;
      }
      span->began = now;
      const outcome ended = s->execute(*this, *s);
      now = span->ended = time.now();
      if (ended != outcome::done) break;
    }
  } catch (...) {
    now = span->ended = time.now();
    fail_with_current_exception(static_cast<std::uint32_t>(s - first));
  }
  whole.ended = now;
}

outcome run::execute(std::uint32_t index, std::optional<time_point>& now) {
  const step& s = plan_->steps[index];
  const auto just_now = std::exchange(now, std::nullopt);
  try {
    if (!recorded_) return s.execute(*this, s);
    spans()[index].began = just_now ? *just_now : runtime().time->now();
    const outcome ended = s.execute(*this, s);
    // A suspended step may have freed the run.
    if (ended != outcome::suspended) now = note_end_of(index);
    return ended;
  } catch (...) {
    now = note_end_of(index);
    fail_with_current_exception(index);
    return outcome::stopped;
  }
}

/// \returns the moment, where it was looked at
std::optional<time_point> run::note_end_of(std::uint32_t step) noexcept {
  if (!recorded_) return {};
  return spans()[step].ended = runtime().time->now();
}

std::uint32_t run::push_ready(std::uint32_t index, std::uint32_t list) noexcept {
  if (plan_->links_offset != no_index) slot<std::uint32_t>(plan_->links_offset)[index] = list;
  return index;
}

std::uint32_t run::push_successors(std::uint32_t index, std::uint32_t list) noexcept {
  const std::uint32_t begin = plan_->first_successor[index];
  for (std::uint32_t i = plan_->first_successor[index + 1]; i-- > begin;) {
    const std::uint32_t successor = plan_->successor[i];
    const std::uint32_t counter = plan_->missing_index[successor];
    if (counter == no_index || slot<live_count>(plan_->missing_offset)[counter].fetch_sub(1, std::memory_order_acq_rel) == 1)
      list = push_ready(successor, list);
  }
  return list;
}

/// Runs what is ready until everything is done or suspended. The walker's share of `active_` goes to the last operation
/// it starts, so that a line of suspending stages counts nothing.
void run::run_ready(std::uint32_t list, ending how, has_looked has, std::optional<time_point> now) {
  driver* const awaiting = driver::current;
  const bool open = awaiting && awaiting->open;  // for those who walk around this one
  while (list != no_index && !stopped()) {
    const std::uint32_t index = list;
    list = plan_->links_offset == no_index ? no_index : slot<std::uint32_t>(plan_->links_offset)[index];
    const bool shares = plan_->suspends[index] && list != no_index;
    const bool gives = plan_->suspends[index] && list == no_index;
    const bool looks = plan_->suspends[index] && deadline != no_deadline && has == has_looked::no;
    has = has_looked::no;
    if (looks) {
      if (!now) now = runtime().time->now();
      if (*now >= deadline) {
        fail(plan_->steps[index], failure(errc::deadline_exceeded));
        break;
      }
    }
    if (shares) active_.fetch_add(1, std::memory_order_relaxed);
    if (awaiting) awaiting->open = open && gives;
    const outcome ended = execute(index, now);
    if (ended == outcome::suspended) {
      if (gives) return;  // the run may be gone
      continue;
    }
    if (shares) active_.fetch_sub(1, std::memory_order_acq_rel);
    if (ended == outcome::stopped) break;
    list = push_successors(index, list);
  }
  if (awaiting) awaiting->open = open;
  retire(how);
}

void run::resume_after(std::uint32_t step_index) {
  const auto now = note_end_of(step_index);
  run_ready(stopped() ? no_index : push_successors(step_index, no_index), ending::later, has_looked::no, now);
}

void run::resume_here_after(std::uint32_t step_index) {
  auto now = note_end_of(step_index);
  if (!stopped() && execute(plan_->successor[plan_->first_successor[step_index]], now) == outcome::suspended) return;
  // The run is stopped, and ends where it is at home.
  resume = [](ready_node& node, wake how) {
    auto& self = static_cast<run&>(node);
    if (how == wake::resumed) self.retire(ending::later);
    else self.abandon();
  };
  resume_on_executor(*this);
}

void run::resume_on_executor(ready_node& node) {
  if (is_at_home()) {
    runtime().ready->push(node);
    return;
  }
  boost::asio::post(*executor_, resumption(node));
}

}  // namespace catena::graph
