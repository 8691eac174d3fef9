// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/limit_line.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace catena::detail {
namespace {

[[nodiscard]] std::size_t lane_of(priority p) noexcept { return static_cast<std::size_t>(p); }

/// So many times a duration, at most a day.
[[nodiscard]] duration times(std::size_t count, duration one) noexcept {
  constexpr duration most = std::chrono::hours(24);
  const double product = static_cast<double>(count) * static_cast<double>(one.count());
  return product >= static_cast<double>(most.count()) ? most : duration(static_cast<duration::rep>(product));
}

}  // namespace

// ---- the places -------------------------------------------------------------------------------------------------------------

/// Smooths mean and deviation as TCP does (RFC 6298).
void limit_places::note(const ended_request& r) noexcept {
  constexpr duration most = std::chrono::hours(24);
  if (r.outcome == request_outcome::ignored) return;
  const duration before = latency();
  const duration took = std::clamp(r.latency, duration{}, most);
  if (r.outcome == request_outcome::overloaded && took <= before) return;
  // Two that end at once may leave one of them uncounted.
  if (before == duration{}) return mean.store(took.count(), std::memory_order_relaxed);
  const duration::rep off = (took - before).count();
  const duration::rep deviated = deviation.load(std::memory_order_relaxed);
  deviation.store(deviated + (std::abs(off) - deviated) / 4, std::memory_order_relaxed);
  mean.store(before.count() + off / 8, std::memory_order_relaxed);
}

duration limit_places::turn() const noexcept {
  return latency() / static_cast<duration::rep>(limit.load(std::memory_order_relaxed));
}

// ---- the line ---------------------------------------------------------------------------------------------------------------

limit_line::limit_line(limit_policy policy, std::size_t capacity) : policy_(std::move(policy)), capacity_(capacity) {
  places_.limit = std::max<std::size_t>(policy_.limit(), 1);
}

gate_options limit_line::options() const noexcept {
  gate_options o{.line_capacity = capacity_};
  policy_.get_options(o);
  return o;
}

void limit_line::set_options(const gate_options& options, time_point now) noexcept {
  capacity_ = options.line_capacity;
  policy_.set_options(options);
  places_.limit = std::max<std::size_t>(policy_.limit(), 1);
  look(now);
}

void limit_line::enter(limit_request& r, time_point now) noexcept {
  if (r.deadline <= now) return refuse(r, {.code = errc::deadline_exceeded});
  if (places_.try_take(r.priority)) return admit(r, now);
  const duration wait = expected_wait(r.priority);
  if (capacity_ == 0 || is_late(r, later(now, wait))) return refuse(r, {.code = errc::not_admitted, .retry_after = wait});
  if (size_ >= capacity_) {
    limit_request& last = *line_.last();
    if (last.priority >= r.priority) return refuse(r, {.code = errc::queue_full, .retry_after = wait});
    take_out(last);
    refuse(last, {.code = errc::queue_full, .retry_after = expected_wait(last.priority)});
  }
  join(r);
  // Whoever gives a place back does so before he looks whether somebody waits; so one of the two sees the other.
  look(now);
}

bool limit_line::leave(limit_request& r, time_point now) noexcept {
  if (!r.in_a_line) return false;
  take_out(r);
  look(now);  // one of a lower priority may have been held back by it
  return true;
}

void limit_line::advance(time_point now) noexcept {
  while (timer_node* due = moments_.pop_due(now)) {
    auto& r = static_cast<limit_request&>(*due);
    if (refuse_late(r, now)) continue;
    r.when = earlier(r.deadline, places_.enough());
    moments_.push(r);
  }
  look(now);
}

void limit_line::ended(const ended_request& r, time_point now) {
  policy_.ended(r, now);
  places_.limit = std::max<std::size_t>(policy_.limit(), 1);
  (void)places_.give_back();
  look(now);
}

void limit_line::look(time_point now) noexcept {
  while (limit_request* first = line_.first()) {
    if (refuse_late(*first, now)) continue;
    if (!places_.try_take()) return;
    take_out(*first);
    admit(*first, now);
  }
}

limit_request* limit_line::take_all() noexcept {
  limit_request* all = nullptr;
  while (limit_request* r = line_.first()) {
    take_out(*r);
    r->next_decided = std::exchange(all, r);
  }
  return all;
}

duration limit_line::expected_wait(priority p) const noexcept {
  std::size_t ahead = 1;
  for (std::size_t lane = lane_of(p); lane < count_.size(); ++lane) ahead += count_[lane];
  return times(ahead, places_.turn());
}

void limit_line::join(limit_request& r) noexcept {
  r.ticket = ++last_ticket_;
  line_.add(r);
  ++count_[lane_of(r.priority)];
  ++size_;
  r.in_a_line = true;
  note_highest();
  if (r.deadline == no_deadline) return;
  r.when = earlier(r.deadline, places_.enough());
  moments_.push(r);
}

void limit_line::take_out(limit_request& r) noexcept {
  line_.remove(r);
  --count_[lane_of(r.priority)];
  --size_;
  r.in_a_line = false;
  if (r.timer_node::waiting) moments_.remove(r);
  note_highest();
}

bool limit_line::is_late(const limit_request& r, time_point now) const noexcept {
  return r.deadline != no_deadline && later(now, places_.enough()) >= r.deadline;
}

bool limit_line::refuse_late(limit_request& r, time_point now) noexcept {
  if (!is_late(r, now)) return false;
  take_out(r);
  if (r.deadline <= now) refuse(r, {.code = errc::deadline_exceeded});
  else refuse(r, {.code = errc::not_admitted, .retry_after = expected_wait(r.priority)});
  return true;
}

void limit_line::admit(limit_request& r, time_point now) noexcept {
  r.let_in = true;
  r.entered = now;
  decided_.push_back(r);
}

void limit_line::refuse(limit_request& r, refusal why) noexcept {
  r.why = why;
  decided_.push_back(r);
}

void limit_line::note_highest() noexcept {
  const limit_request* first = line_.first();
  places_.highest_waiting.store(first ? static_cast<std::uint8_t>(1 + lane_of(first->priority)) : std::uint8_t{0});
}

}  // namespace catena::detail
