// SPDX-License-Identifier: BSL-1.0
// How a run begins and ends.
#include <catena/graph/run.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <span>
#include <thread>

namespace catena::graph {
namespace {

constexpr std::uint32_t rounded(std::size_t size) noexcept { return static_cast<std::uint32_t>((size + 15) / 16 * 16); }

}  // namespace

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
  id = options.id;
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
    guard().fire = &run::deadline_passed;
    extra += rounded(sizeof(deadline_guard));
  }
  if (p.shape) begin_recording(options, at(extra));
  else if (options.around && options.around->trace) trace = options.around->trace;
  else if (options.call.trace_parent.is_set()) trace = ::new (static_cast<void*>(at(extra))) trace_context(options.call.trace_parent);
  if (recorded_) std::uninitialized_value_construct_n(spans(), p.steps.size() + 1);
}

void run::lock() noexcept {
  while (lock_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
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
