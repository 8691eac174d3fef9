// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/admission_line.hpp>

#include <algorithm>
#include <utility>

namespace catena::detail {
namespace {

[[nodiscard]] const bucket_use& use_of(const admission_request& r) noexcept { return r.group->uses[r.waits_at]; }

[[nodiscard]] bool holds(const admission_request& r, std::size_t i) noexcept { return (r.held >> i & 1) != 0; }
void hold(admission_request& r, std::size_t i) noexcept { r.held = static_cast<std::uint8_t>(r.held | 1U << i); }

[[nodiscard]] bool is_first_at_its_bucket(const admission_request& r) noexcept {
  return r.waits_at != admission_request::nowhere && use_of(r).bucket->waiting.first() == &r;
}

/// The costs of those of at least this priority.
[[nodiscard]] std::int64_t sum_from(const std::array<std::int64_t, 4>& by_priority, std::size_t lane) noexcept {
  std::int64_t sum = 0;
  for (; lane < by_priority.size(); ++lane) sum += by_priority[lane];
  return sum;
}
[[nodiscard]] std::size_t lane_of(priority p) noexcept { return static_cast<std::size_t>(p); }

/// When a bucket may have what r takes from it: at the earliest behind those of a higher priority.
[[nodiscard]] time_point earliest_at(const bucket_use& use, const admission_request& r, time_point now) noexcept {
  return use.bucket->tokens.when(sum_from(use.bucket->waiting_cost, lane_of(r.priority) + 1) + use.of(r.cost), now);
}

/// Which of the buckets whose tokens it lacks r must wait for: the one that is short for the longest; nowhere if none is.
[[nodiscard]] std::uint8_t scarcest(const admission_request& r, time_point now) noexcept {
  std::uint8_t found = admission_request::nowhere;
  time_point latest = now;
  for (std::size_t i = 0; i < r.group->uses.size(); ++i) {
    if (holds(r, i)) continue;
    const bucket_use& use = r.group->uses[i];
    const time_point moment = earliest_at(use, r, now);
    const bool is_short = moment > now || use.bucket->waiting.anyone_before(r);
    if (!is_short || (found != admission_request::nowhere && moment <= latest)) continue;
    found = static_cast<std::uint8_t>(i);
    latest = moment;
  }
  return found;
}

}  // namespace

// ---- a group ------------------------------------------------------------------------------------------------------------

time_point admission_group::roll_back(std::size_t i, time_point moment, std::int64_t cost, time_point now) const noexcept {
  for (std::size_t taken = 0; taken < i; ++taken) uses[taken].bucket->tokens.give_back(uses[taken].of(cost));
  for (const bucket_use& use : uses) moment = std::max(moment, use.bucket->tokens.when(use.of(cost), now));
  return moment;
}

void admission_group::settle(std::int64_t estimate, std::int64_t cost, time_point now) const noexcept {
  for (const bucket_use& use : uses) {
    if (use.by != charge::cost) continue;
    if (cost > estimate) use.bucket->tokens.take(cost - estimate, now);
    else use.bucket->tokens.give_back(estimate - cost);
  }
}

void admission_group::refund(std::int64_t cost) const noexcept {
  for (const bucket_use& use : uses) use.bucket->tokens.give_back(use.of(cost));
}

// ---- requests come and go -------------------------------------------------------------------------------------------------

void admission_line::enter(admission_request& r, time_point now) noexcept {
  admission_group& group = *r.group;
  if (r.cost < 0 || r.cost > group.most_cost) return refuse(r, {.code = errc::invalid_input});
  if (r.deadline <= now) return refuse(r, {.code = errc::deadline_exceeded});
  const bool may_overtake = group.highest_waiting() <= lane_of(r.priority);
  const bool taken = may_overtake && group.try_take(r.cost, now) == now;
  if (taken) admit(r);
  // Also when nothing was taken: what was rolled back, now or by the caller before, was missing meanwhile.
  tokens_changed(group, now);
  if (taken) return;
  const time_point moment = expected(group, r.cost, r.priority, now);
  if (moment >= r.deadline || group.line_capacity == 0) return refuse(r, {.code = errc::not_admitted, .retry_after = moment - now});
  if (group.line_size >= group.line_capacity) return refuse(r, {.code = errc::queue_full, .retry_after = moment - now});
  r.ticket = ++last_ticket_;
  join(r);
  if (group.line.first() == &r) {
    if (group.front) put_back(*std::exchange(group.front, nullptr));
    look_at_front(group, now);
  }
  look_at_changed(now);
}

bool admission_line::leave(admission_request& r, time_point now) noexcept {
  if (!r.in_a_line) return false;
  drop(r);
  look_at_front(*r.group, now);
  look_at_changed(now);
  return true;
}

void admission_line::advance(time_point now) noexcept {
  while (timer_node* due = moments_.pop_due(now)) {
    auto& r = static_cast<admission_request&>(*due);
    if (r.deadline <= now) {
      drop(r);
      refuse(r, {.code = errc::deadline_exceeded});
    }
    look_at_front(*r.group, now);
  }
  look_at_changed(now);
}

void admission_line::tokens_changed(admission_bucket& bucket, time_point now) noexcept {
  mark_changed(bucket);
  look_at_changed(now);
}

void admission_line::tokens_changed(const admission_group& group, time_point now) noexcept {
  for (const bucket_use& use : group.uses) mark_changed(*use.bucket);
  look_at_changed(now);
}

void admission_line::rate_changed(admission_bucket& bucket, time_point now) noexcept {
  tokens_changed(bucket, now);
  for (admission_group* group : groups_) {
    const bool uses_it = std::any_of(group->uses.begin(), group->uses.end(), [&](const bucket_use& u) { return u.bucket == &bucket; });
    if (uses_it) refuse_late(*group, now);
  }
  look_at_changed(now);
}

admission_request* admission_line::take_all() noexcept {
  admission_request* all = nullptr;
  for (admission_group* group : groups_) {
    while (admission_request* r = group->line.first()) {
      drop(*r);
      r->next_decided = std::exchange(all, r);
    }
  }
  return all;
}

void admission_line::join(admission_request& r) noexcept {
  admission_group& group = *r.group;
  group.line.add(r);
  group.line_cost[lane_of(r.priority)] += r.cost;
  group.line_count[lane_of(r.priority)] += 1;
  group.line_size += 1;
  r.in_a_line = true;
  set_moment(r, r.deadline);
}

void admission_line::take_out(admission_request& r) noexcept {
  admission_group& group = *r.group;
  if (group.front == &r) group.front = nullptr;
  group.line.remove(r);
  group.line_cost[lane_of(r.priority)] -= r.cost;
  group.line_count[lane_of(r.priority)] -= 1;
  group.line_size -= 1;
  r.in_a_line = false;
  set_moment(r, no_deadline);
}

void admission_line::drop(admission_request& r) noexcept {
  put_back(r);
  take_out(r);
}

void admission_line::put_back(admission_request& r) noexcept {
  if (r.waits_at != admission_request::nowhere) stop_waiting(r);
  for (std::size_t i = 0; i < r.group->uses.size(); ++i) {
    if (!holds(r, i)) continue;
    const bucket_use& use = r.group->uses[i];
    use.bucket->tokens.give_back(use.of(r.cost));
    mark_changed(*use.bucket);
  }
  r.held = 0;
  set_moment(r, r.deadline);
}

void admission_line::admit(admission_request& r) noexcept {
  r.admitted = true;
  decided_.push_back(r);
}

void admission_line::refuse(admission_request& r, refusal why) noexcept {
  r.why = why;
  decided_.push_back(r);
}

// ---- the first of a line and its buckets ------------------------------------------------------------------------------------

void admission_line::look_at_changed(time_point now) noexcept {
  while (changed_) {
    admission_bucket& bucket = *std::exchange(changed_, changed_->next_changed);
    bucket.changed = false;
    if (admission_request* first = bucket.waiting.first()) look_at_front(*first->group, now);
  }
}

/// Admits or refuses from the front of a line as long as that is possible now.
void admission_line::look_at_front(admission_group& group, time_point now) noexcept {
  while (admission_request* r = group.line.first()) {
    if (r->deadline <= now) {
      drop(*r);
      refuse(*r, {.code = errc::deadline_exceeded});
      continue;
    }
    group.front = r;
    const time_point moment = claim(*r, now);
    if (r->waits_at == admission_request::nowhere) {
      take_out(*r);
      admit(*r);
    } else if (moment >= r->deadline) {
      drop(*r);
      refuse(*r, {.code = errc::not_admitted, .retry_after = moment - now});
    } else {
      group.front_moment = moment;
      // Behind others it is looked at when they have left.
      set_moment(*r, is_first_at_its_bucket(*r) ? std::min(moment, r->deadline) : r->deadline);
      return;
    }
  }
}

/// Takes what is there; r waits nowhere afterwards if it has all. Returns when it may get what is missing.
time_point admission_line::claim(admission_request& r, time_point now) noexcept {
  for (;;) {
    if (r.waits_at != admission_request::nowhere) {
      const bucket_use& use = use_of(r);
      if (!is_first_at_its_bucket(r)) return earliest_at(use, r, now);
      const time_point moment = use.bucket->tokens.try_take(use.of(r.cost), now);
      if (moment > now) return moment;
      hold(r, r.waits_at);
      stop_waiting(r);
    }
    const std::uint8_t next = scarcest(r, now);
    // It stands in the bucket's list before it looks whether the tokens are there: whoever puts tokens back puts them
    // back before he looks whether somebody waits, so one of the two sees the other.
    if (next != admission_request::nowhere) wait_at(r, next);
    else if (take_rest(r, now)) return now;
  }
}

bool admission_line::take_rest(admission_request& r, time_point now) noexcept {
  const std::uint8_t held_before = r.held;
  for (std::size_t i = 0; i < r.group->uses.size(); ++i) {
    if (holds(r, i)) continue;
    const bucket_use& use = r.group->uses[i];
    if (use.bucket->tokens.try_take(use.of(r.cost), now) == now) {
      hold(r, i);
      continue;
    }
    for (std::size_t taken = 0; taken < i; ++taken) {
      if (!holds(r, taken) || (held_before >> taken & 1) != 0) continue;
      r.group->uses[taken].bucket->tokens.give_back(r.group->uses[taken].of(r.cost));
      mark_changed(*r.group->uses[taken].bucket);
    }
    r.held = held_before;
    return false;
  }
  return true;
}

namespace {

void note_highest(admission_bucket& bucket) noexcept {
  const admission_request* first = bucket.waiting.first();
  bucket.highest_waiting.store(first ? static_cast<std::uint8_t>(1 + lane_of(first->priority)) : std::uint8_t{0});
}

}  // namespace

void admission_line::wait_at(admission_request& r, std::uint8_t index) noexcept {
  r.waits_at = index;
  const bucket_use& use = use_of(r);
  use.bucket->waiting.add(r);
  use.bucket->waiting_cost[lane_of(r.priority)] += use.of(r.cost);
  note_highest(*use.bucket);
}

void admission_line::stop_waiting(admission_request& r) noexcept {
  const bucket_use& use = use_of(r);
  use.bucket->waiting.remove(r);
  use.bucket->waiting_cost[lane_of(r.priority)] -= use.of(r.cost);
  note_highest(*use.bucket);
  mark_changed(*use.bucket);
  r.waits_at = admission_request::nowhere;
}

void admission_line::mark_changed(admission_bucket& bucket) noexcept {
  if (std::exchange(bucket.changed, true)) return;
  bucket.next_changed = std::exchange(changed_, &bucket);
}

void admission_line::set_moment(admission_request& r, time_point when) noexcept {
  if (r.timer_node::waiting) {
    if (r.when == when) return;
    moments_.remove(r);
  }
  if (when == no_deadline) return;
  r.when = when;
  moments_.push(r);
}

// ---- forecasts ----------------------------------------------------------------------------------------------------------

/// The costs of those before a request in its line, and its own.
struct admission_line::cost_ahead {
  std::int64_t cost = 0;
  std::int64_t count = 0;
};

time_point admission_line::expected(const admission_group& group, std::int64_t cost, priority p, time_point now) noexcept {
  return expected(group, {sum_from(group.line_cost, lane_of(p)) + cost, sum_from(group.line_count, lane_of(p)) + 1}, p, now);
}

time_point admission_line::expected(const admission_group& group, const cost_ahead& with_own, priority p,
                                    time_point now) noexcept {
  const admission_request* front = group.front;
  const bool behind_front = front && front->priority >= p;
  // A bucket that is full before the front is admitted gains nothing by it.
  const time_point from = behind_front && is_first_at_its_bucket(*front) ? std::max(now, group.front_moment) : now;
  time_point latest = now;
  for (std::size_t i = 0; i < group.uses.size(); ++i) {
    const bucket_use& use = group.uses[i];
    std::int64_t sum = use.by == charge::cost ? with_own.cost : with_own.count;
    sum += sum_from(use.bucket->waiting_cost, lane_of(p));
    // The front's share is counted in its line; it is taken already, or will be put back for a higher priority.
    if (front && holds(*front, i)) sum -= use.of(front->cost);
    if (behind_front && front->waits_at == i) sum -= use.of(front->cost);
    latest = std::max(latest, use.bucket->tokens.when(sum, from));
  }
  return latest;
}

void admission_line::refuse_late(admission_group& group, time_point now) noexcept {
  cost_ahead with_own;
  for (admission_request *r = group.line.first(), *next = nullptr; r; r = next) {
    next = group.line.after(*r);
    const cost_ahead sum{with_own.cost + r->cost, with_own.count + 1};
    const time_point moment = expected(group, sum, r->priority, now);
    if (moment < r->deadline) {
      with_own = sum;
      continue;
    }
    drop(*r);
    refuse(*r, {.code = errc::not_admitted, .retry_after = moment - now});
  }
  look_at_front(group, now);
}

}  // namespace catena::detail
