// SPDX-License-Identifier: BSL-1.0
#include <catena/model/batcher.hpp>

#include <algorithm>
#include <span>
#include <thread>
#include <utility>

namespace catena::detail {
pending_request* batch_place::take_locked(std::size_t i) noexcept {
  if (i < size && rows[i]) return std::exchange(rows[i], nullptr);
  if (i < size) owner->log(log_level::warning, "row " + std::to_string(i) + " was answered twice; the second answer is dropped");
  else owner->log(log_level::warning, "row " + std::to_string(i) + " was answered in a batch of " + std::to_string(size));
  return nullptr;
}

void batch_place::send_home_locked(ready_node& node) noexcept {
  if (called) homeward.push_back(node);
  else owner->runtime()->ready->push(node);
}

void batch_place::hand_over() noexcept {
  ready_list on, home;
  {
    const std::lock_guard lock(mutex);
    if (onward.empty() && homeward.empty()) return;
    on.append(std::move(onward));
    home.append(std::move(homeward));
    handing_over.fetch_add(1, std::memory_order_relaxed);
  }
  while (!on.empty()) {
    ready_node* node = on.pop_front();
    node->resume(*node, wake::resumed);
  }
  if (!home.empty()) owner->runtime()->ready->push(std::move(home));
  handing_over.fetch_sub(1, std::memory_order_release);
}

batcher::batcher(std::shared_ptr<runtime_state> runtime, const model_options& options, const request_operations& operations)
    : runtime_(std::move(runtime)),
      options_(options),
      operations_(operations),
      limits_{options.batch.max_size, options.batch.max_delay},
      needs_time_(options.batch.max_delay > duration{} || options.batch.policy.watches_arrivals()),
      policy_(options.batch.policy),
      queue_({.capacity = options.batch.queue_capacity}) {
  idle_.reserve(options_.instances);
  for (std::size_t i = 0; i < options_.instances; ++i) {
    auto place = std::make_unique<batch_place>();
    place->run = &run_job;
    place->owner = this;
    place->index = i;
    place->rows.resize(options_.batch.max_size);
    place->taken.resize(options_.batch.max_size);
    idle_.push_back(place.get());
    places_.push_back(std::move(place));
  }
  timer_.owner = this;
  timer_.fire = &delay_over;
}

batcher::~batcher() = default;

void batcher::log(log_level level, std::string_view text) const noexcept {
  runtime_->log(level, "model/" + options_.name, text);
}

std::string batcher::says(std::string_view text) const {
  return "model '" + options_.name + "': " + std::string(text);
}

failure batcher::full() const {
  duration wait = options_.batch.max_delay;
  {
    std::lock_guard lock(mutex_);
    if (batch_time_ > duration{}) wait = batch_time_;
  }
  // A place is free when the next batch begins.
  return failure(errc::queue_full, says("its queue is full at " + std::to_string(options_.batch.queue_capacity)))
      .with_retry_after(std::max<duration>(wait, std::chrono::milliseconds(1)));
}

model_stats batcher::stats() const {
  std::lock_guard lock(mutex_);
  model_stats snapshot = stats_;
  snapshot.queue_depth = queue_.size();
  return snapshot;
}

// ---- requests come and go ----------------------------------------------------------------------------------------------

batcher::entry batcher::submit(pending_request& r) {
  const time_point now = now_if_needed();
  std::unique_lock lock(mutex_);
  if (closed_) return entry::closed;
  if (r.unwanted) return entry::unwanted;
  r.arrival = now;
  if (queue_.try_push(r).entry != request_queue::entry::accepted) {
    ++stats_.refused_count;
    return entry::full;
  }
  if (policy_.watches_arrivals()) policy_.arrived(now);
  compute_job* jobs = schedule_locked(now);
  lock.unlock();
  // From here on the request may be answered, and the batcher gone if no instance of it is scheduled.
  if (jobs) submit_jobs(jobs);
  return entry::accepted;
}

bool batcher::withdraw(pending_request& r) noexcept {
  std::lock_guard lock(mutex_);
  r.unwanted = true;
  if (!queue_.remove(r)) return false;
  if (queue_.empty()) set_timer_locked(no_deadline);
  return true;
}

// ---- instances find work -----------------------------------------------------------------------------------------------

batch_decision batcher::decide_locked(time_point now) {
  const waiting_requests waiting{.count = queue_.size(),
                                 .oldest = needs_time_ ? queue_.oldest() : time_point{},
                                 .tightest_deadline = queue_.tightest_deadline()};
  batch_decision decision = policy_.form(waiting, limits_, now);
  decision.take = std::min({decision.take, waiting.count, limits_.max_size});
  return decision;
}

compute_job* batcher::schedule_locked(time_point now) noexcept {
  compute_job* jobs = nullptr;
  while (!idle_.empty() && queue_.size() > scheduled_) {
    const batch_decision decision = decide_locked(now);
    if (decision.take == 0) {
      set_timer_locked(decision.look_again);
      return jobs;
    }
    batch_place& place = *idle_.back();
    idle_.pop_back();
    ++scheduled_;
    place.pin = shared_from_this();
    place.next = jobs;
    jobs = &place;
  }
  set_timer_locked(no_deadline);
  return jobs;
}

/// Each job pins the batcher until it has been submitted; afterwards it must not be touched.
void batcher::submit_jobs(compute_job* jobs) noexcept {
  compute_pool& pool = runtime_->compute;
  while (jobs) pool.submit(*std::exchange(jobs, jobs->next));
}

void batcher::set_timer_locked(time_point when) noexcept {
  if (timer_.pin) {
    if (timer_.when == when) return;
    // One that fires just now looks at the queue again itself.
    if (!runtime_->timers->remove(timer_)) return;
    timer_.pin.reset();
  }
  if (when == no_deadline || closed_) return;
  timer_.when = when;
  timer_.pin = shared_from_this();
  runtime_->timers->add(timer_);
}

void batcher::delay_over(timer_node& node, wake how) {
  batcher& self = *static_cast<delay_timer&>(node).owner;
  std::shared_ptr<batcher> pinned;
  compute_job* jobs = nullptr;
  {
    std::lock_guard lock(self.mutex_);
    pinned = std::move(self.timer_.pin);
    if (how == wake::resumed) jobs = self.schedule_locked(self.runtime_->time->now());
  }
  self.submit_jobs(jobs);
}

// ---- a batch, from queue to done -----------------------------------------------------------------------------------------

void batcher::run_job(compute_job& job) noexcept {
  auto& place = static_cast<batch_place&>(job);
  place.owner->run_batch(place);
}

std::size_t batcher::form_locked(batch_place& place, time_point now) noexcept {
  const std::size_t taken = queue_.take(std::span(place.taken).first(decide_locked(now).take));
  std::size_t expired = 0;
  place.size = 0;
  for (std::size_t i = 0; i < taken; ++i) {
    auto& r = *static_cast<pending_request*>(place.taken[i]);
    if (r.deadline <= now) place.rows[place.rows.size() - ++expired] = &r;
    else place.rows[place.size++] = &r;
  }
  place.open = place.size != 0;
  place.failed = false;
  place.called = place.open;
  stats_.expired_count += expired;
  stats_.batch_count += place.open;
  stats_.row_count += place.size;
  return expired;
}

void batcher::run_batch(batch_place& place) noexcept {
  const time_point now = runtime_->time->now();
  std::size_t expired = 0;
  compute_job* jobs = nullptr;
  {
    std::lock_guard lock(mutex_);
    --scheduled_;
    expired = form_locked(place, now);
    jobs = schedule_locked(now);
  }
  submit_jobs(jobs);
  if (expired)
    fail_rows(place, place.rows.size() - expired, place.rows.size(),
              failure(errc::deadline_exceeded, says("the deadline passed in its queue")));
  if (!place.open) return make_idle(place);
  place.began = now;
  compute(place);
  const auto pinned = place.pin;  // a batch that is done later may be done right now
  std::unique_lock lock(place.mutex);
  place.called = false;
  const bool later = place.open;
  lock.unlock();
  place.hand_over();
  if (later) return;
  make_idle(place);
}

void batcher::fail_rows(batch_place& place, std::size_t from, std::size_t to, const failure& why) noexcept {
  std::unique_lock lock(place.mutex);
  for (std::size_t i = from; i < to; ++i)
    if (pending_request* r = std::exchange(place.rows[i], nullptr)) operations_.fail(place, *r, why);
  lock.unlock();
  place.hand_over();
}

void batcher::fail_batch(batch_place& place, std::exception_ptr cause) noexcept {
  failure why = failure::from(std::move(cause));
  if (why.is(errc::stage_failed)) why = failure(errc::model_failed, says(why.message())).with_cause(why.cause());
  log(log_level::warning, why.message());
  place.failed = true;
  fail_rows(place, 0, place.size, why);
}

void batcher::finish_batch(batch_place& place) noexcept {
  bool called = false;
  std::shared_ptr<batcher> pinned;  // if run_batch goes on, it may be done before this is
  {
    std::lock_guard lock(place.mutex);
    pinned = place.pin;
    for (std::size_t i = 0; i < place.size; ++i) {
      if (pending_request* r = std::exchange(place.rows[i], nullptr))
        operations_.fail(place, *r, failure(errc::row_unanswered, says("the batch ended without an answer for row " +
                                                                std::to_string(i) + " of " + std::to_string(place.size))));
    }
    place.open = false;
    called = place.called;
  }
  place.hand_over();
  if (called) return;  // run_batch goes on
  make_idle(place);
}

void batcher::make_idle(batch_place& place) noexcept {
  const time_point now = runtime_->time->now();
  std::shared_ptr<batcher> pinned;
  compute_job* jobs = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (place.size != 0) {
      const duration took = now - place.began;
      batch_time_ = batch_time_ == duration{} ? took : (7 * batch_time_ + took) / 8;
      if (!place.failed) policy_.computed(place.size, took, now);
    }
    place.size = 0;
    pinned = std::move(place.pin);
    idle_.push_back(&place);
    jobs = schedule_locked(now);
  }
  submit_jobs(jobs);
}

// ---- the end of the executor ---------------------------------------------------------------------------------------------

/// What waits is abandoned. What is computed is given up, and an answer that is on its way home is waited for: it holds
/// its place's lock.
void batcher::executor_gone() noexcept {
  queued_request* waiting = nullptr;
  std::shared_ptr<batcher> pinned = shared_from_this();
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    set_timer_locked(no_deadline);
    for (queued_request* r = nullptr; queue_.take({&r, 1}) == 1;) {
      r->next = waiting;
      waiting = r;
    }
  }
  while (waiting) operations_.abandon(static_cast<pending_request&>(*std::exchange(waiting, waiting->next)));
  ready_list gone;
  for (const auto& place : places_) {
    std::lock_guard lock(place->mutex);
    for (pending_request* r : place->rows) {
      if (!r || !operations_.give_up(*r)) continue;
      r->next = waiting;
      waiting = r;
    }
    gone.append(std::move(place->homeward));
    gone.append(std::move(place->onward));
  }
  // What another thread is handing over reaches executors that still stand.
  for (const auto& place : places_)
    while (place->handing_over.load(std::memory_order_acquire) != 0) std::this_thread::yield();
  gone.abandon();
  while (waiting) operations_.abandon_given_up(static_cast<pending_request&>(*std::exchange(waiting, waiting->next)));
}

}  // namespace catena::detail
