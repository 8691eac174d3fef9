// SPDX-License-Identifier: BSL-1.0
#include <catena/residency/residency.hpp>

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

namespace catena {
namespace detail {

residency_core::residency_core(std::shared_ptr<runtime_state> runtime, const residency_options& options)
    : runtime_(std::move(runtime)), book_(options) {
  timer_.owner = this;
  timer_.fire = &patience_lost;
}

residency_core::~residency_core() = default;

/// Holds the lock, and what must only be let go of without it: models that may end by that.
class residency_core::turn {
 public:
  explicit turn(std::mutex& mutex) : lock_(mutex) {}

  std::vector<std::shared_ptr<resident>> seen;
  std::vector<std::shared_ptr<arrival>> dropped;

 private:
  std::lock_guard<std::mutex> lock_;  // the last member: it goes first
};

residency_core::number residency_core::join(std::weak_ptr<resident> r, const residency_book::footprint& f) {
  std::lock_guard lock(mutex_);
  const number n = book_.add(f, runtime_->time->now());
  if (n >= seats_.size()) seats_.resize(n + 1);
  seats_[n] = {};
  seats_[n].model = std::move(r);
  return n;
}

void residency_core::leave(number n) noexcept {
  turn t(mutex_);
  book_.remove(n);
  t.dropped = std::move(seats_[n].waiters);
  seats_[n].model.reset();
  decide(t);
}

void residency_core::want(number n) {
  turn t(mutex_);
  book_.want(n, runtime_->time->now());
  decide(t);
}

void residency_core::look() {
  turn t(mutex_);
  decide(t);
}

void residency_core::parked(number n) {
  turn t(mutex_);
  if (closed_) return;
  if (auto model = seats_[n].model.lock()) {
    t.seen.push_back(model);
    begin_move(n, seats_[n].to, std::move(model));
  }
}

/// Asks until nothing more can be done now.
void residency_core::decide(turn& t) {
  if (closed_) return;
  const auto activity_of = [&](number n) -> residency_book::activity {
    auto model = seats_[n].model.lock();
    if (!model) return {};
    t.seen.push_back(model);
    return model->activity();
  };
  while (const auto move = book_.next(runtime_->time->now(), activity_of)) {
    auto model = seats_[move->of].model.lock();
    if (!model) {
      book_.failed(move->of);  // it is about to leave
      continue;
    }
    t.seen.push_back(model);
    seats_[move->of].to = move->to;
    if (move->to > move->from) {
      begin_move(move->of, move->to, std::move(model));
      continue;
    }
    switch (model->park(move->is_urgent ? resident::urgency::now : resident::urgency::when_idle)) {
      case resident::parking::parked: begin_move(move->of, move->to, std::move(model)); break;
      case resident::parking::draining: break;
      case resident::parking::refused: book_.stays(move->of); break;
    }
  }
  timer_.set_locked(*runtime_->timers, book_.look_again());
}

void residency_core::begin_move(number n, residency_level to, std::shared_ptr<resident> model) {
  seat& s = seats_[n];
  s.to = to;
  s.began = runtime_->time->now();
  mover& job = *s.job;
  job.run = &move;
  job.pin = shared_from_this();
  job.model = std::move(model);
  job.of = n;
  job.to = to;
  runtime_->loading.submit(job);
}

/// One that leaves and cannot be kept in host memory goes back to its file.
residency_level residency_core::bring(resident& model, residency_level to) const {
  try {
    model.move_to(to);
    return to;
  } catch (...) {
    if (to != residency_level::warm) throw;
    runtime_->log(log_level::warning, "model/" + model.name(),
                  "cannot be kept in host memory: " + failure::from(std::current_exception()).message());
  }
  model.move_to(residency_level::cold);
  return residency_level::cold;
}

void residency_core::move(compute_job& base) noexcept {
  auto& job = static_cast<mover&>(base);
  const auto core = std::move(job.pin);
  const auto model = std::move(job.model);
  const number n = job.of;
  const residency_level to = job.to;
  try {
    core->moved(n, model, core->bring(*model, to));
  } catch (...) {
    core->failed(n, model, failure::from(std::current_exception()));
  }
}

void residency_core::tell_locked(number n, turn& t, const result<void>& outcome) {
  for (auto& w : std::exchange(seats_[n].waiters, {})) {
    w->told(outcome);
    t.dropped.push_back(std::move(w));
  }
}

void residency_core::moved(number n, const std::shared_ptr<resident>& model, residency_level to) {
  turn t(mutex_);
  const time_point now = runtime_->time->now();
  seat& s = seats_[n];
  if (to == s.to) book_.moved(n, now);
  else book_.went_cold(n);
  if (to == residency_level::hot) {
    ++s.load_count;
    s.load_time = now - s.began;
    model->unpark();
    tell_locked(n, t, {});
  } else {
    ++s.unload_count;
    // Whoever came while it left could not want it yet.
    if (model->is_waited_for() || !s.waiters.empty()) book_.want(n, now);
  }
  decide(t);
}

void residency_core::failed(number n, const std::shared_ptr<resident>& model, const failure& why) {
  model->fail_waiting(why);  // while it still moves: none of those who come when it has been loaded at last
  {
    turn t(mutex_);
    book_.failed(n);
    tell_locked(n, t, why);
    if (model->is_waited_for()) book_.want(n, runtime_->time->now());
    decide(t);
  }
  runtime_->log(log_level::error, "model/" + model->name(), "cannot be loaded: " + why.message());
}

void residency_core::want(number n, std::shared_ptr<arrival> waiter) {
  turn t(mutex_);
  if (closed_) {
    waiter->told(failure(errc::cancelled, "its executor is gone"));
    return t.dropped.push_back(std::move(waiter));
  }
  auto& waiters = seats_[n].waiters;
  if (waiters.size() == waiters.capacity()) {  // before it grows: those who gave up would stay until the model moves
    const auto gone = std::partition(waiters.begin(), waiters.end(), [](const auto& w) { return w->still_waits(); });
    t.dropped.insert(t.dropped.end(), std::move_iterator(gone), std::move_iterator(waiters.end()));
    waiters.erase(gone, waiters.end());
  }
  waiters.push_back(std::move(waiter));
  if (book_.level(n) == residency_level::hot && !book_.is_moving(n)) return tell_locked(n, t, {});
  book_.want(n, runtime_->time->now());
  decide(t);
}

void residency_core::patience_lost(timer_node& node, wake how) {
  residency_core& self = *static_cast<pinned_timer<residency_core>&>(node).owner;
  std::shared_ptr<residency_core> pinned;
  turn t(self.mutex_);
  pinned = std::move(self.timer_.pin);
  if (how == wake::resumed) self.decide(t);
}

void residency_core::executor_gone() noexcept {
  turn t(mutex_);
  closed_ = true;
  timer_.set_locked(*runtime_->timers, no_deadline);
  for (seat& s : seats_)
    for (auto& w : std::exchange(s.waiters, {})) t.dropped.push_back(std::move(w));
}

residency_stats residency_core::stats() const {
  turn t(mutex_);
  residency_stats all{.held = book_.held()};
  for (number n = 0; n < seats_.size(); ++n) {
    const seat& s = seats_[n];
    if (auto model = s.model.lock()) {
      all.models.push_back({.name = model->name(), .level = book_.level(n), .load_count = s.load_count,
                            .unload_count = s.unload_count, .load_time = s.load_time});
      t.seen.push_back(std::move(model));
    }
  }
  return all;
}

}  // namespace detail

residency::residency(const runtime& rt, const residency_options& options)
    : core_(rt.state()->known_source(std::make_shared<detail::residency_core>(rt.state(), options))) {
  rt.state()->add_executor_user(core_);
}

residency_stats residency::stats() const { return core_->stats(); }

}  // namespace catena
