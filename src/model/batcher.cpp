// SPDX-License-Identifier: BSL-1.0
#include <catena/model/batcher.hpp>

#include <algorithm>
#include <span>
#include <thread>
#include <utility>

namespace catena::detail {

batcher::batcher(std::shared_ptr<runtime_state> runtime, const model_options& options, const request_operations& operations,
                 batch_unit unit, measuring measures)
    : runtime_(std::move(runtime)),
      options_(options),
      operations_(operations),
      measures_(measures),
      former_(options.batch, options.queue, unit) {
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

model_stats batcher::stats() const {
  std::lock_guard lock(mutex_);
  model_stats snapshot = stats_;
  snapshot.queue_depth = former_.size();
  return snapshot;
}

// ---- requests come and go ----------------------------------------------------------------------------------------------

/// Where only the ageing of priorities asks for it, the last look at the clock will do, if it is of the time since the model
/// was last idle; and who is alone in the queue has nobody to be older than.
time_point batcher::moment_locked() noexcept {
  if (rested_ && !former_.empty()) {
    rested_ = false;
    looked_ = std::max(looked_, runtime_->time->now());
  }
  return looked_;
}

failure batcher::refusal(batch_former::entry bound, const pending_request& r, duration batch_time) const {
  const auto full = [&](const std::string& text) {
    const duration wait = batch_time > duration{} ? batch_time : options_.batch.max_delay;
    // A place is free when the next batch begins.
    return failure(errc::queue_full, says(text)).with_retry_after(std::max<duration>(wait, std::chrono::milliseconds(1)));
  };
  switch (bound) {
    case batch_former::entry::too_large:
      return failure(errc::invalid_input, says("a request of cost " + std::to_string(r.cost) + " does not fit into a batch of max_size " +
                                               std::to_string(options_.batch.max_size)));
    case batch_former::entry::shapes_full:
      return full("requests of " + std::to_string(options_.batch.max_shapes) + " other shapes wait");
    case batch_former::entry::class_full:
      return full("its queue is full for this priority at " +
                  std::to_string(options_.queue.class_limits[static_cast<std::size_t>(r.priority)]));
    case batch_former::entry::bytes_full: return full("its queue is full at " + std::to_string(options_.queue.max_bytes) + " bytes");
    case batch_former::entry::full:
    case batch_former::entry::accepted: break;
  }
  return full("its queue is full at " + std::to_string(options_.queue.capacity));
}

batcher::entry batcher::submit(pending_request& r, failure& why) {
  const bool stamped = former_.needs_arrivals();
  time_point now = stamped ? runtime_->time->now() : time_point{};
  std::unique_lock lock(mutex_);
  if (closed_) return entry::closed;
  if (r.unwanted) return entry::unwanted;
  if (!stamped) now = moment_locked();
  r.arrival = now;
  const auto [bound, evicted] = former_.try_push(r, now);
  if (bound != batch_former::entry::accepted) {
    ++stats_.refused_count;
    const duration batch_time = batch_time_;
    lock.unlock();
    why = refusal(bound, r, batch_time);
    return entry::refused;
  }
  for (const queued_request* e = evicted; e; e = e->next) ++stats_.evicted_count;
  compute_job* jobs = schedule_locked(now);
  lock.unlock();
  // From here on the request may be answered, and the batcher gone if no instance of it is scheduled.
  if (jobs) submit_jobs(jobs);
  if (evicted) evict(evicted);
  return entry::accepted;
}

void batcher::evict(queued_request* leaving) noexcept {
  const failure why(errc::queue_full, says("left its full queue for a request of a higher priority"));
  while (leaving) operations_.evict(static_cast<pending_request&>(*std::exchange(leaving, leaving->next)), why);
}

bool batcher::withdraw(pending_request& r) noexcept {
  std::lock_guard lock(mutex_);
  r.unwanted = true;
  if (!former_.remove(r)) return false;
  if (former_.empty()) set_timer_locked(no_deadline);
  return true;
}

// ---- instances find work -----------------------------------------------------------------------------------------------

compute_job* batcher::schedule_locked(time_point now) noexcept {
  compute_job* jobs = nullptr;
  while (!idle_.empty() && former_.size() > scheduled_) {
    const batch_decision decision = former_.decide(now);
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
  place.formed = former_.take(place.taken, now);
  std::size_t expired = 0;
  place.first = place.size = 0;
  for (queued_request* taken : std::span(place.taken).first(place.formed.count)) {
    auto& r = *static_cast<pending_request*>(taken);
    if (r.deadline > now) {
      place.rows[place.size++] = &r;
      continue;
    }
    r.expired = true;
    place.rows[place.rows.size() - ++expired] = &r;
    place.formed.size -= r.cost;
  }
  place.open = place.called = place.size != 0;
  place.failed = false;
  stats_.expired_count += expired;
  stats_.batch_count += place.open;
  stats_.row_count += place.size;
  stats_.padding_count += padded(place.size) - place.size;
  return expired;
}

time_point batcher::look_locked(const batch_place& place) noexcept {
  if (!place.timed) return looked_;
  rested_ = false;
  return looked_ = std::max(looked_, runtime_->time->now());
}

bool batcher::times_next_locked(batch_place& place) const noexcept {
  constexpr std::chrono::microseconds brief{20};
  constexpr std::uint32_t most_untimed = 7;
  if (!runtime_->time_is_real || former_.needs_arrivals() || batch_time_ >= brief || place.untimed_count == most_untimed) {
    place.untimed_count = 0;
    return true;
  }
  ++place.untimed_count;
  return false;
}

bool batcher::form(batch_place& place) noexcept {
  std::size_t expired = 0;
  compute_job* jobs = nullptr;
  {
    std::lock_guard lock(mutex_);
    const time_point now = look_locked(place);
    if (!std::exchange(place.follows, false)) place.began = now;
    --scheduled_;
    expired = form_locked(place, now);
    jobs = schedule_locked(now);
  }
  submit_jobs(jobs);
  if (expired)
    fail_rows(place, place.rows.size() - expired, expired,
              failure(errc::deadline_exceeded, says("the deadline passed in its queue")));
  place.repeats.begin(place.size);
  return place.size != 0;
}

void batcher::run_batch(batch_place& place) noexcept {
  if (place.size == 0 && !form(place)) return make_idle(place);
  const auto pinned = place.pin;  // a part that is done later may be done right now
  while (compute_part(place))
    if (!next_part(place)) return make_idle(place);
}

bool batcher::compute_part(batch_place& place) noexcept {
  compute(place);
  std::unique_lock lock(place.mutex);
  place.called = false;
  const bool later = place.open;
  lock.unlock();
  place.hand_over();
  return !later;
}

bool batcher::next_part(batch_place& place) noexcept {
  if (place.thrown) {
    std::unique_lock lock(place.mutex);
    const bisection::part threw{place.first, place.close_ranks_locked()};
    lock.unlock();
    const failure why = *std::exchange(place.thrown, std::nullopt);
    if (options_.effects != effects::pure || !place.repeats.split(threw)) {
      log(log_level::warning, why.message());
      fail_rows(place, threw.first, threw.count, why);
    }
  }
  const auto part = place.repeats.next();
  if (!part) return false;
  if (!count_repeat(part->count)) {
    fail_rows(place, 0, place.rows.size(), failure(errc::cancelled, says("its executor is gone")));
    return false;
  }
  std::lock_guard lock(place.mutex);
  place.first = part->first;
  place.size = part->count;
  place.open = place.called = true;
  return true;
}

/// False if it is to be computed no more.
bool batcher::count_repeat(std::size_t rows) noexcept {
  std::lock_guard lock(mutex_);
  if (closed_) return false;
  ++stats_.repeated_batch_count;
  stats_.repeated_row_count += rows;
  stats_.padding_count += padded(rows) - rows;
  return true;
}

void batcher::fail_rows(batch_place& place, std::size_t first, std::size_t count, const failure& why) noexcept {
  std::unique_lock lock(place.mutex);
  for (pending_request*& row : std::span(place.rows).subspan(first, count))
    if (pending_request* r = std::exchange(row, nullptr)) operations_.fail(place, *r, why);
  lock.unlock();
  place.hand_over();
}

void batcher::fail_batch(batch_place& place, std::exception_ptr cause) noexcept {
  failure why = failure::from(std::move(cause));
  if (why.is(errc::stage_failed)) why = failure(errc::model_failed, says(why.message())).with_cause(why.cause());
  place.failed = true;
  place.thrown = std::move(why);
}

void batcher::finish_batch(batch_place& place) noexcept {
  bool called = false;
  std::shared_ptr<batcher> pinned;  // if run_batch goes on, it may be done before this is
  {
    std::lock_guard lock(place.mutex);
    pinned = place.pin;
    for (std::size_t i = 0; i < place.size && !place.thrown; ++i) {
      if (pending_request* r = std::exchange(place.rows[place.first + i], nullptr))
        operations_.fail(place, *r, failure(errc::row_unanswered, says("the batch ended without an answer for row " +
                                                                std::to_string(i) + " of " + std::to_string(place.size))));
    }
    place.open = false;
    called = place.called;
  }
  place.hand_over();
  if (called) return;  // run_batch goes on
  if (next_part(place)) runtime_->compute.submit(place);
  else make_idle(place);
}

void batcher::make_idle(batch_place& place) noexcept {
  std::shared_ptr<batcher> pinned;
  compute_job* jobs = nullptr;
  {
    std::lock_guard lock(mutex_);
    const time_point now = look_locked(place);
    if (place.size != 0 && place.timed) {
      const duration took = now - place.began;
      batch_time_ = batch_time_ == duration{} ? took : (7 * batch_time_ + took) / 8;
      if (!place.failed) former_.computed(place.formed, took, now);
    }
    const bool was_timed = std::exchange(place.timed, times_next_locked(place));
    stats_.wasted_count += std::exchange(place.wasted, 0);
    place.size = 0;
    pinned = std::move(place.pin);
    idle_.push_back(&place);
    rested_ = rested_ || (former_.empty() && idle_.size() == places_.size());
    jobs = schedule_locked(now);
    // What lies between two batches is a part of what a batch costs: handing the answers over, and waiting for a thread.
    if (place.pin && place.timed && was_timed) {
      place.began = now;
      place.follows = true;
    }
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
    while (queued_request* r = former_.take_any()) {
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
