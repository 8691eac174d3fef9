// SPDX-License-Identifier: BSL-1.0
#include <catena/model/batcher.hpp>
#include <catena/observe/tracer.hpp>

#include <algorithm>
#include <new>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

namespace catena::detail {

batcher::batcher(std::shared_ptr<runtime_state> runtime, const model_options& options, const request_operations& operations,
                 batch_unit unit, measuring measures)
    : runtime_(std::move(runtime)),
      options_(options),
      bounds_(bounds(options)),
      operations_(operations),
      measures_(measures),
      former_(options.batch, options.queue, unit),
      free_(options.instances),
      last_done_(options.instances),
      meter_(runtime_->metrics ? new batch_meter(options.batch.max_size) : nullptr),
      is_timed_(meter_ || runtime_->tracer) {
  if (options_.batches_under_way > 1) calls_ = std::make_unique<std::mutex[]>(options_.instances);
  for (std::size_t i = 0; i < options_.instances * options_.batches_under_way; ++i) {
    auto place = std::make_unique<batch_place>();
    place->owner = this;
    place->index = i % options_.instances;
    place->rows.resize(options_.batch.max_size);
    place->taken.resize(options_.batch.max_size);
    free_.add(*place);
    places_.push_back(std::move(place));
  }
  timer_.owner = this;
  timer_.fire = &delay_over;
}

batcher::~batcher() {
  if (memory_) memory_->leave(seat_);
}

void batcher::locate(const std::vector<std::uint32_t>& instances) noexcept {
  for (std::size_t i = 0; i < instances.size(); ++i) free_.locate(i, instances[i]);
  is_located_ = true;
}

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

bool batcher::is_nearly_full() const {
  const std::size_t capacity = queue_capacity();
  std::lock_guard lock(mutex_);
  return 10 * former_.longest_queue() >= 9 * capacity && capacity != 0;
}

// ---- requests come and go ----------------------------------------------------------------------------------------------

/// Where only the ageing of priorities asks for it, the last look at the clock will do, if it is of the time since the model
/// was last idle; and who is alone in the queue has nobody to be older than.
time_point batcher::moment_locked() noexcept { return rested_ && !former_.empty() ? look_at_clock_locked() : looked_; }

time_point batcher::look_at_clock_locked() noexcept {
  rested_ = false;
  return looked_ = std::max(looked_, runtime_->time->now());
}

failure batcher::refusal(batch_former::entry bound, const pending_request& r, duration batch_time) const {
  const bounds by_now = bounds_.load();
  const auto full = [&](const std::string& text) {
    const duration wait = batch_time > duration{} ? batch_time : by_now.max_delay;
    // A place is free when the next batch begins.
    return failure(errc::queue_full, says(text)).with_retry_after(std::max<duration>(wait, std::chrono::milliseconds(1)));
  };
  switch (bound) {
    case batch_former::entry::too_large:
      return failure(errc::invalid_input, says("a request of cost " + std::to_string(r.cost) + " does not fit into a batch of max_size " +
                                               std::to_string(by_now.max_size)));
    case batch_former::entry::shapes_full:
      return full("requests of " + std::to_string(by_now.max_shapes) + " other shapes wait");
    case batch_former::entry::class_full:
      return full("its queue is full for this priority at " +
                  std::to_string(options_.queue.class_limits[static_cast<std::size_t>(r.priority)]));
    case batch_former::entry::bytes_full: return full("its queue is full at " + std::to_string(by_now.max_bytes) + " bytes");
    case batch_former::entry::full:
    case batch_former::entry::accepted: break;
  }
  return full("its queue is full at " + std::to_string(by_now.capacity));
}

batch_former::push_result batcher::push_locked(pending_request& r, time_point now) noexcept {
  try {
    return former_.try_push(r, now);
  } catch (const std::bad_alloc&) {
    return {.entry = batch_former::entry::full};
  }
}

batcher::entry batcher::submit(pending_request& r, failure& why) {
  const bool stamped = is_timed_ || former_.needs_arrivals();
  time_point now = stamped ? runtime_->time->now() : time_point{};
  std::unique_lock lock(mutex_);
  if (closed_) return entry::closed;
  if (r.unwanted) return entry::unwanted;
  if (!stamped) now = moment_locked();
  r.arrival = now;
  const auto [bound, evicted] = push_locked(r, now);
  if (bound != batch_former::entry::accepted) {
    ++stats_.refused_count;
    const duration batch_time = batch_time_;
    lock.unlock();
    why = refusal(bound, r, batch_time);
    return entry::refused;
  }
  for (const queued_request* e = evicted; e; e = e->next) ++stats_.evicted_count;
  compute_job* jobs = schedule_locked(now);
  const auto wishing = parked_ && !std::exchange(wished_, true) ? shared_from_this() : nullptr;
  lock.unlock();
  // From here on the request may be answered, and the batcher gone if no instance of it is scheduled.
  if (jobs) submit_jobs(jobs);
  if (wishing) memory_->want(seat_);
  if (evicted) evict(evicted, failure(errc::queue_full, says("left its full queue for a request of a higher priority")));
  return entry::accepted;
}

void batcher::evict(queued_request* leaving, const failure& why) noexcept {
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
  time_point look_again = no_deadline;
  while (!parked_ && former_.size() > scheduled_) {
    batch_place* const place = place_locked(now, look_again);
    if (!place) break;
    ++scheduled_;
    place->pin = shared_from_this();
    place->next = jobs;
    jobs = place;
  }
  set_timer_locked(look_again);
  return jobs;
}

/// The place for a batch that is to be begun now; null if none is. A batch ahead of its turn could have grown until then, so it
/// is begun only if it would not grow.
batch_place* batcher::place_locked(time_point now, time_point& look_again) noexcept {
  if (!free_.has_idle()) {
    // What those on their way will take is not known.
    const bool is_complete = free_.has_open() && scheduled_ == 0 && former_.has_complete(now);
    return is_complete ? &free_.take_open(preferred_locked(now)) : nullptr;
  }
  const batch_decision decision = former_.decide(now);
  if (decision.take != 0) return &free_.take_idle(preferred_locked(now));
  look_again = decision.look_again;
  return nullptr;
}

/// Of its first request: those that come from one batch of another model stand together.
std::uint32_t batcher::preferred_locked(time_point now) noexcept {
  const queued_request* const first = is_located_ ? former_.next(now) : nullptr;
  return first ? static_cast<const pending_request*>(first)->locality : free_places::anywhere;
}

/// Each job pins the batcher until it has been submitted; afterwards it must not be touched.
void batcher::submit_jobs(compute_job* jobs) noexcept {
  compute_pool& pool = runtime_->compute;
  while (jobs) pool.submit(*std::exchange(jobs, jobs->next));
}

void batcher::delay_over(timer_node& node, wake how) {
  batcher& self = *static_cast<pinned_timer<batcher>&>(node).owner;
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

std::size_t batcher::form_locked(batch_place& place, time_point now) noexcept {
  const std::size_t waiting = former_.size();
  place.formed_at = now;
  place.formed = parked_ ? formed_batch{} : former_.take(place.taken, now);
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
  place.gathers = false;
  place.failed = false;
  stats_.expired_count += expired;
  stats_.batch_count += place.open;
  stats_.row_count += place.size;
  stats_.padding_count += padded(place.size) - place.size;
  if (meter_ && place.open) {
    ++meter_->sizes[place.size];
    for (std::size_t i = 0; i < place.size; ++i) meter_->waits.add(now - place.rows[i]->arrival);
  }
  if (runtime_->tracer && place.open) place.traced = record_of(place, waiting);
  return expired;
}

std::shared_ptr<batch_record> batcher::record_of(const batch_place& place, std::size_t waiting) const noexcept {
  try {
    auto batch = std::make_shared<batch_record>();
    batch->trace_id = runtime_->tracer->new_id();
    batch->span = runtime_->tracer->new_span();
    batch->model = options_.name;
    batch->version = options_.version;
    batch->instance = place.index;
    batch->rows = place.size;
    batch->padded_rows = padded(place.size);
    batch->waiting = waiting;
    batch->why = place.formed.why;
    batch->began = place.formed_at;
    return batch;
  } catch (...) {
    return nullptr;
  }
}

time_point batcher::look_locked(const batch_place& place) noexcept { return place.timed ? look_at_clock_locked() : looked_; }

bool batcher::times_next_locked(batch_place& place) const noexcept {
  constexpr std::chrono::microseconds brief{20};
  constexpr std::uint32_t most_untimed = 7;
  const bool is_exact = is_timed_ || !runtime_->time_is_real || former_.needs_arrivals() || options_.batches_under_way > 1;
  if (is_exact || batch_time_ >= brief || place.untimed_count == most_untimed) {
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
    place.fail_rows(place.rows.size() - expired, expired,
                    failure(errc::deadline_exceeded, says("the deadline passed in its queue")));
  place.repeats.begin(place.size);
  return place.size != 0;
}

bool batcher::count_repeat(std::size_t rows) noexcept {
  std::lock_guard lock(mutex_);
  if (closed_) return false;
  ++stats_.repeated_batch_count;
  stats_.repeated_row_count += rows;
  stats_.padding_count += padded(rows) - rows;
  return true;
}

void batcher::learn_locked(const formed_batch& batch, duration took, time_point now) noexcept {
  former_.computed(batch, took, now);
  if (first_batch_ == no_deadline) first_batch_ = now - took;
  if (stats_.learning_time == duration{} && former_.has_learnt(batch.shape)) stats_.learning_time = now - first_batch_;
}

/// Where an instance has several batches under way they are computed one after the other.
duration batcher::took_locked(const batch_place& place, time_point now) noexcept {
  if (options_.batches_under_way == 1) return now - place.began;
  return now - std::max(place.began, std::exchange(last_done_[place.index], now));
}

/// Its batch may have been done meanwhile.
void batcher::returned(batch_place& place) noexcept {
  compute_job* jobs = nullptr;
  bool has_drained = false;
  {
    std::lock_guard lock(mutex_);
    free_.returned(place);
    has_drained = rest_locked();
    if (free_.has_open() || free_.has_idle()) jobs = schedule_locked(look_at_clock_locked());
  }
  submit_jobs(jobs);
  if (has_drained) memory_->parked(seat_);
}

/// True if residency is to be told that the last batch is done.
bool batcher::rest_locked() noexcept {
  rested_ = rested_ || (former_.empty() && free_.are_all_idle());
  return draining_ && free_.are_all_idle() && std::exchange(draining_, false);
}

void batcher::done(batch_place& place, bool has_returned) noexcept {
  std::shared_ptr<batcher> pinned;
  compute_job* jobs = nullptr;
  bool has_drained = false;
  {
    std::lock_guard lock(mutex_);
    const time_point now = look_locked(place);
    if (place.size != 0 && place.timed) {
      const duration took = took_locked(place, now);
      batch_time_ = batch_time_ == duration{} ? took : (7 * batch_time_ + took) / 8;
      if (!place.failed) learn_locked(place.formed, took, now);
      if (meter_) meter_->computes.add(took);
      if (const auto traced = std::move(place.traced)) traced->ended.store(now.time_since_epoch().count(), std::memory_order_release);
    }
    const bool was_timed = std::exchange(place.timed, times_next_locked(place));
    stats_.wasted_count += std::exchange(place.wasted, 0);
    place.size = 0;
    pinned = std::move(place.pin);
    if (has_returned) free_.returned(place);
    free_.done(place);
    has_drained = rest_locked();
    jobs = schedule_locked(now);
    // What lies between two batches is a part of what a batch costs: handing the answers over, and waiting for a thread.
    if (place.pin && place.timed && was_timed) {
      place.began = now;
      place.follows = true;
    }
  }
  submit_jobs(jobs);
  if (has_drained) memory_->parked(seat_);
}

// ---- where it is ---------------------------------------------------------------------------------------------------------

void batcher::share_memory(const residency_book::footprint& f) {
  const auto memory = options_.residency->core();
  try {
    seat_ = memory->join(std::static_pointer_cast<resident>(shared_from_this()), f);
  } catch (const std::invalid_argument& e) {
    throw std::invalid_argument(says(e.what()));
  }
  memory_ = memory;
  parked_ = true;
}

residency_book::activity batcher::activity() const {
  std::lock_guard lock(mutex_);
  return {.in_use = !parked_ && (!free_.are_all_idle() || !former_.empty()),
          .use_count = stats_.row_count,
          .needed_count = needed_.load(std::memory_order_relaxed)};
}

resident::parking batcher::park(urgency how) {
  std::lock_guard lock(mutex_);
  if (how == urgency::when_idle && (!free_.are_all_idle() || !former_.empty())) return parking::refused;
  parked_ = true;
  wished_ = false;
  set_timer_locked(no_deadline);
  draining_ = !free_.are_all_idle();
  return draining_ ? parking::draining : parking::parked;
}

void batcher::unpark() {
  compute_job* jobs = nullptr;
  {
    std::lock_guard lock(mutex_);
    parked_ = false;
    wished_ = false;
    jobs = schedule_locked(runtime_->time->now());
  }
  submit_jobs(jobs);
}

bool batcher::is_waited_for() const {
  std::lock_guard lock(mutex_);
  return wished_ = !former_.empty();
}

void batcher::fail_waiting(const failure& why) {
  queued_request* waiting = nullptr;
  {
    std::lock_guard lock(mutex_);
    wished_ = false;
    waiting = take_all_locked();
  }
  evict(waiting, why);
}

void batcher::bring(std::shared_ptr<arrival> to_tell) {
  if (memory_) memory_->want(seat_, std::move(to_tell));
  else to_tell->told({});
}

queued_request* batcher::take_all_locked() noexcept {
  queued_request* all = nullptr;
  while (queued_request* r = former_.take_any()) {
    r->next = all;
    all = r;
  }
  return all;
}

void batcher::move_to(residency_level level) {
  const time_point began = runtime_->time->now();
  move_instances(level);
  if (level != residency_level::hot) return;
  const duration took = runtime_->time->now() - began;
  {
    std::lock_guard lock(mutex_);
    stats_.warm_up = {.load_time = took};
  }
  if (warm_up_shapes() == 0) return;
  try {
    warm_up_all();
  } catch (...) {
    move_instances(residency_level::cold);
    throw;
  }
}

void batcher::warm_up_all() {
  const std::vector<std::size_t> sizes = warm_up_sizes(options_.warm_up, options_.batch);
  const time_point began = runtime_->time->now();
  const time_point end = later(began, options_.warm_up.max_time);
  warm_up_report report;
  for (std::size_t instance = 0; instance < options_.instances; ++instance)
    for (std::size_t shape = 0; shape < warm_up_shapes(); ++shape)
      for (const std::size_t rows : sizes) warm_up_until_steady(instance, rows, shape, end, report);
  report.warm_up_time = runtime_->time->now() - began;
  if (!report.is_steady)
    log(log_level::note, "is not steady after " + std::to_string(report.run_count) + " runs; see warm_up_options");
  std::lock_guard lock(mutex_);
  report.load_time = stats_.warm_up.load_time;
  stats_.warm_up = report;
}

/// What it takes teaches the batch policy, where the size of a batch is its rows and all rows have one shape.
void batcher::warm_up_until_steady(std::size_t instance, std::size_t rows, std::size_t shape, time_point end, warm_up_report& report) {
  steadiness steady(options_.warm_up.tolerance);
  for (std::size_t i = 0; i < options_.warm_up.max_runs && !steady.is_steady(); ++i, ++report.run_count) {
    const time_point since = runtime_->time->now();
    if (since >= end) break;
    warm_up(instance, rows, shape);
    const time_point now = runtime_->time->now();
    const duration took = now - since;
    steady.ran(took);
    if (measures()) continue;
    std::lock_guard lock(mutex_);
    former_.computed({.count = rows, .size = rows}, took, now);
  }
  report.is_steady = report.is_steady && steady.is_steady();
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
    waiting = take_all_locked();
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
