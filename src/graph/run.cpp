// SPDX-License-Identifier: BSL-1.0
#include <catena/graph/deadline_watch.hpp>
#include <catena/graph/run.hpp>
#include <catena/incident/ticket.hpp>
#include <catena/observe/tracer.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstring>
#include <span>
#include <thread>

namespace catena::graph {
namespace {

constexpr std::uint32_t rounded(std::size_t size) noexcept { return static_cast<std::uint32_t>((size + 15) / 16 * 16); }

/// A posted piece of work on behalf of a run whose memory it keeps.
template <class Function>
class for_run {
 public:
  for_run(run& r, Function f) noexcept : run_(&r), function_(f) { r.retain(); }
  for_run(for_run&& other) noexcept : run_(std::exchange(other.run_, nullptr)), function_(other.function_) {}
  for_run& operator=(for_run&&) = delete;
  ~for_run() {
    if (run_) run_->release();
  }
  void operator()() { function_(*run_); }

 private:
  run* run_;
  Function function_;
};

/// Whether a run is a chain's with something in front of it that goes by the same name: a gate.
bool is_limited_by(run* around, const plan& p) noexcept {
  return around && p.is_chain && around->of().meter && around->of().meter->counts_runs() && around->of().name == p.name;
}

failure deadline_failure() { return failure(errc::deadline_exceeded); }

/// Looks whether a run that was stopped at its deadline has ended. What it told to end has its turn first, and what that told.
class overdue_look {
 public:
  explicit overdue_look(run& r) noexcept : run_(&r) {}
  void operator()() {
    if (!run_->try_retain_active()) return;
    const keeps_active kept{*run_};
    if (--turns_ > 0) boost::asio::post(run_->executor(), overdue_look(*this));
    else static_cast<void>(run_->leave_behind());
  }

 private:
  struct keeps_active {
    run& r;
    ~keeps_active() { r.retire(ending::later); }
  };
  boost::intrusive_ptr<run> run_;
  int turns_ = 16;
};

}  // namespace

run::~run() {
  if (!recording) return;
  runtime().live_runs.remove(*recording);  // where it was abandoned
  std::destroy_at(recording);
}

std::size_t run::size_for(const plan& p, const start_options& options) noexcept {
  std::size_t size = p.frame_size + rounded(options.tail_size);
  if (options.own_deadline) size += rounded(sizeof(deadline_guard));
  if (p.shape) size += rounded(sizeof(catena::detail::trace_place));
  else if (options.call.trace_parent.is_set()) size += rounded(sizeof(trace_context));
  if (p.records()) size += (p.steps.size() + 1) * sizeof(stage_span);
  return size;
}

run* run::create(const plan& p, const start_options& options, void* memory, std::size_t size) noexcept {
  return ::new (memory) run(p, options, size);
}

run::run(const plan& p, const start_options& options, std::size_t size) noexcept
    : plan_(&p),
      tail_(options.tail),
      executor_(options.executor),
      stoppable_(options.stoppable || !p.linear || p.shape),
      guarded_(options.own_deadline),
      recorded_(p.records()),
      size_(static_cast<std::uint32_t>(size)),
      extras_(static_cast<std::uint32_t>(p.frame_size + rounded(options.tail_size))) {
  intrusive_ptr_add_ref(plan_);
  id = options.call.id;
  deadline = options.call.deadline;
  priority = std::min(options.call.priority, catena::priority::critical);  // a cast may have made it anything
  tenant = options.call.tenant;
  for (const counted_slot& counted : p.counted)
    ::new (static_cast<void*>(at(counted.offset + static_cast<std::uint32_t>(counted.type->count_offset)))) live_count(0);
  if (!p.missing.empty()) {
    static_assert(sizeof(live_count) == sizeof(std::uint32_t));
    std::memcpy(at(p.missing_offset), p.missing.data(), p.missing.size() * sizeof(std::uint32_t));
  }
  std::uint32_t extra = extras_;
  if (guarded_) {
    ::new (static_cast<void*>(at(extra))) deadline_guard;
    guard().owner = this;
    extra += rounded(sizeof(deadline_guard));
  }
  place_trace(options, at(extra));
  if (recorded_) std::uninitialized_value_construct_n(spans(), p.steps.size() + 1);
}

/// A child is a part of the request of the run around it, and so is a run that works for one; any other begins a trace, or goes on with
/// its caller's.
void run::place_trace(const start_options& options, std::byte* where) noexcept {
  using catena::detail::trace_place;
  const call_context* const around = options.around ? options.around : options.call.part_of;
  if (!plan_->shape) {
    if (options.around && options.around->trace) trace = options.around->trace;
    else if (options.call.trace_parent.is_set()) trace = ::new (static_cast<void*>(where)) trace_context(options.call.trace_parent);
    return;
  }
  catena::tracer& by = *runtime().tracer;
  auto* const place = ::new (static_cast<void*>(where)) trace_place;
  place->owner = this;
  place->shape = plan_->shape.get();
  place->index = options.index;
  recording = place;
  trace = &place->context;
  if (around && around->recording) {
    const trace_place& above = *around->recording;
    const std::uint32_t step = options.around ? options.around_step : options.call.part_of_step;
    place->log = above.log;
    place->context = above.context;
    place->context.set_span(by.new_span());
    place->parent = above.span_of(step);
    const bool is_shown = plan_->is_chain || (options.around && catena::detail::shows_its_runs(above.shape->stages[step].layer));
    place->shown = is_shown ? place->span() : above.shown_for(step);
    return;
  }
  place->is_outermost = true;
  place->context = options.call.trace_parent;
  place->parent = place->context.span_number();
  if (!place->context.is_set()) place->context.trace_id = by.new_id();
  if (by.samples(place->context.trace_id)) place->context.flags |= 1U;
  place->log = by.begin(place->context);
  place->context.set_span(by.new_span());
  place->shown = place->span();
}

void run::lock() noexcept {
  while (lock_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
}

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
    if (now ? *now >= deadline : is_past(deadline, *runtime().time, began)) stop_with(stop_reason::deadline, deadline_failure());
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
        fail(*s, deadline_failure());
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
        fail(*s, deadline_failure());
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
        fail(plan_->steps[index], deadline_failure());
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

bool run::enlist(operation& op) noexcept {
  if (!stoppable_) return !stopped();
  lock();
  const bool wanted = !stopped();
  if (wanted) {
    op.listed = true;
    op.following = operations_;
    if (operations_) operations_->previous = &op;
    operations_ = &op;
    arm_deadline_locked();
  }
  unlock();
  return wanted;
}

void run::delist(operation& op) noexcept {
  if (!stoppable_) return;
  lock();
  if (op.listed) {
    op.listed = false;
    (op.previous ? op.previous->following : operations_) = op.following;
    if (op.following) op.following->previous = op.previous;
    op.previous = op.following = nullptr;
  }
  unlock();
}

void run::stop_with(stop_reason why, failure reason) noexcept {
  lock();
  if (stopped()) {
    unlock();
    return;
  }
  if (why == stop_reason::deadline && operations_) reason = reason.within(plan_->stages[operations_->step].name);
  reason_ = std::move(reason);
  stop_locked(why);
}

void run::exit_with(std::shared_ptr<void> value) noexcept {
  lock();
  if (stopped()) {
    unlock();
    return;
  }
  if (!seldom_) seldom_ = std::make_unique<seldom>();
  seldom_->exit_value = std::move(value);
  stop_locked(stop_reason::exited);
}

run& run::outermost() noexcept {
  run* r = this;
  while (r->tail_->around) r = &r->tail_->around(*r);
  return *r;
}

std::shared_ptr<pin_table> run::pins() {
  run& all = outermost();
  std::shared_ptr<pin_table> found;
  all.guarded([&] { if (all.seldom_) found = all.seldom_->pins; });
  if (found) return found;
  all.share_pins(std::make_shared<pin_table>());
  return all.seldom_->pins;
}

void run::share_pins(std::shared_ptr<pin_table> pins) {
  make_seldom();
  guarded([&] {
    if (!seldom_->pins) seldom_->pins = std::move(pins);
  });
}

void run::make_seldom() {
  auto made = std::make_unique<seldom>();  // not under the lock
  guarded([&] {
    if (!seldom_) seldom_ = std::move(made);
  });
}

bool run::park(const std::string& path) {
  run& all = outermost();
  if (!all.tail_->park || stopped() || all.stopped()) return false;
  auto answer = std::make_shared<parked_answer>(all.id, runtime().ready->executor());
  failure why = failure(errc::parked, "it waits for a person's decision").within(path).with_parked(answer);
  for (run* r = this;; r = &r->tail_->around(*r)) {
    r->make_seldom();
    if (r == &all) break;
  }
  // From here on nothing throws but what hands the failure over.
  bool first = false;
  for (run* r = this;; r = &r->tail_->around(*r)) {
    bool disarmed = false;
    r->guarded([&] {
      first = r->seldom_->parked++ == 0;
      if (!first) return;
      r->deadline = no_deadline;
      disarmed = std::exchange(r->armed_, false) && r->runtime().timers->remove(r->guard());
    });
    if (disarmed) r->release();
    if (r == &all) break;
  }
  if (first) all.plan_->run_ended();  // models it needs may go meanwhile
  bool tell = false;
  all.guarded([&] {
    tell = !all.seldom_->answer;
    if (tell) all.seldom_->answer = std::move(answer);
  });
  if (tell) all.tail_->park(all, std::move(why));
  return true;
}

void run::unpark(time_point until) noexcept {
  for (run* r = this;; r = &r->tail_->around(*r)) {
    bool last = false;
    r->guarded([&] {
      last = --r->seldom_->parked == 0;
      if (!last) return;
      r->deadline = until;
      r->arm_deadline_locked();
    });
    if (r->tail_->around) continue;
    if (last) r->plan_->run_began();
    return;
  }
}

/// Tells every suspended operation, and unlocks.
void run::stop_locked(stop_reason why) noexcept {
  std::uint32_t given_up = 0;
  stop.store(static_cast<std::uint8_t>(why), std::memory_order_release);
  for (operation* op = operations_; op;) {
    operation* const following = op->following;
    auto* cancel = plan_->stages[op->step].cancel;
    if (cancel && cancel(*op)) {
      op->listed = false;
      (op->previous ? op->previous->following : operations_) = following;
      if (following) following->previous = op->previous;
      ++given_up;
    }
    op = following;
  }
  unlock();
  if (given_up) active_.fetch_sub(given_up, std::memory_order_acq_rel);
}

bool run::try_retain_active() noexcept {
  std::uint32_t active = active_.load(std::memory_order_relaxed);
  while (active != 0)
    if (active_.compare_exchange_weak(active, active + 1, std::memory_order_acq_rel)) return true;
  return false;
}

void run::retire(ending how) {
  if (active_.load(std::memory_order_acquire) == 1) {
    // Alone: nobody else can add to the count but a deadline or a cancellation, and those give up at zero.
    std::uint32_t alone = 1;
    if (stoppable_ ? active_.compare_exchange_strong(alone, 0, std::memory_order_acq_rel)
                   : (active_.store(0, std::memory_order_relaxed), true)) {
      finish(how);
      return;
    }
  }
  if (active_.fetch_sub(1, std::memory_order_acq_rel) == 1) finish(how);
}

void run::note_abandoned() noexcept {
  abandoned_.store(true, std::memory_order_relaxed);
  stop_with(stop_reason::cancelled, failure(errc::cancelled, "the executor is gone"));
}

void run::abandon() noexcept {
  note_abandoned();
  retire(ending::later);
}

bool run::leave_behind() {
  if (!runtime().leave_behind()) return false;
  left_behind_ = true;
  retain();  // for what goes on
  count_end({});  // of its stages some may be writing their times
  tail_->complete(*this, ending::later);
  return true;
}

/// All that went on has ended: the run has been completed long ago.
void run::end_left_behind() noexcept {
  report();
  runtime().came_home();
  release();
}

void run::finish(ending how) {
  if (armed_ && runtime().timers->remove(guard())) release();
  // Now, and not when the memory goes, which work that is not waited for may keep for long.
  if (seldom_) seldom_->pins.reset();
  if (left_behind_) return end_left_behind();
  if (recorded_) count_end(std::span(spans(), plan_->steps.size()));
  if (abandoned_.load(std::memory_order_relaxed)) {
    tail_->abandon(*this);
    return;
  }
  report();
  tail_->complete(*this, how);
}

void run::note_under_way() noexcept {
  if (!recording || !recording->log) return;
  const time_point began{duration(recording->began.load(std::memory_order_relaxed))};
  if (began != time_point{}) recording->log->note_under_way({.shape = plan_->shape, .whole = {began, {}}, .stages = {}, .why = {}}, *recording);
}

/// \param stages  their times; empty: not to be looked at
void run::count_end(std::span<const stage_span> stages) noexcept {
  if (recording) runtime().live_runs.remove(*recording);
  const bool is_traced = recording && recording->log;
  if (!plan_->meter && !is_traced) return;
  stage_span& whole = spans()[plan_->steps.size()];
  if (whole.began == time_point{}) return;  // it never began
  if (whole.ended == time_point{}) whole.ended = runtime().time->now();
  const bool has_failed = !answered_or_exited();
  if (plan_->meter) plan_->meter->ended(is_whole_, whole, stages, has_failed ? &reason_ : nullptr, degraded);
  if (is_traced)
    recording->log->end_run({.shape = plan_->shape, .whole = whole, .stages = {}, .why = has_failed ? reason_ : failure(), .degraded = degraded, .deadline = deadline}, *recording, stages);
}

void run::report() noexcept {
  if (!recorded_ || !runtime().observer) return;
  const run_record record{.chain = plan_->name,
                          .id = id,
                          .trace_parent = trace,
                          .stages = plan_->stage_names,
                          .spans = std::span(spans(), plan_->steps.size()),
                          .why = answered_or_exited() ? nullptr : &reason_,
                          .degraded = degraded};
  runtime().observer->run_ended(record);
}

void run::arm_deadline_locked() {
  if (!guarded_ || armed_ || deadline == no_deadline) return;
  armed_ = true;
  guard().fire = &run::deadline_passed;
  guard().when = deadline;
  retain();
  runtime().timers->add(guard());
}

void run::deadline_passed(timer_node& node, wake how) {
  run& self = *static_cast<deadline_guard&>(node).owner;
  auto stop_now = [](run& r) {
    if (r.runtime().time->now() < r.deadline) return;  // it was parked meanwhile
    if (!r.try_retain_active()) return;
    r.stop_with(stop_reason::deadline, deadline_failure());
    if (r.active_.load(std::memory_order_acquire) != 1) boost::asio::post(*r.executor_, overdue_look(r));
    r.retire(ending::later);
  };
  if (how == wake::resumed) {
    if (self.is_at_home()) stop_now(self);
    else boost::asio::post(*self.executor_, for_run(self, stop_now));
  }
  self.release();
}

void run::release() noexcept {
  // The only one left needs no read-modify-write: nobody can copy a reference that nobody else has.
  if (references_.load(std::memory_order_acquire) != 1 && references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  for (const counted_slot& counted : plan_->counted) {
    auto* value = at(counted.offset);
    if (reinterpret_cast<live_count*>(value + counted.type->count_offset)->load(std::memory_order_relaxed) != 0)
      counted.type->destroy(value);
  }
  const plan_ptr pinned(plan_, false);
  const auto* tail = tail_;
  const std::size_t size = size_;
  this->~run();
  tail->deallocate(*pinned, this, size);
}

}  // namespace catena::graph
