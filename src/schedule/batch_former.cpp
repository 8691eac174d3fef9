// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/batch_former.hpp>

#include <algorithm>

namespace catena {
namespace {

batch_former::entry from(request_queue::entry e) noexcept {
  switch (e) {
    case request_queue::entry::full: return batch_former::entry::full;
    case request_queue::entry::class_full: return batch_former::entry::class_full;
    case request_queue::entry::bytes_full: return batch_former::entry::bytes_full;
    case request_queue::entry::accepted: break;
  }
  return batch_former::entry::accepted;
}

}  // namespace

batch_former::batch_former(const batch_options& batches, const request_queue_options& queue, batch_unit unit)
    : limits_{batches.max_size, batches.max_delay},
      queue_options_(queue),
      policy_(batches.policy),
      max_shapes_(batches.max_shapes),
      unit_(unit),
      needs_arrivals_(batches.max_delay > duration{} || policy_.watches_arrivals()) {
  check(batches);
  lanes_.reserve(max_shapes_);
  (void)find_or_make(0);
}

batch_former::~batch_former() = default;

void batch_former::set_options(const batch_options& options) noexcept {
  limits_ = {options.max_size, options.max_delay};
  max_shapes_ = options.max_shapes;
  needs_arrivals_.store(options.max_delay > duration{} || policy_.watches_arrivals(), std::memory_order_relaxed);
}

void batch_former::set_options(const request_queue_options& options) noexcept {
  queue_options_ = options;
  for (const auto& l : lanes_) l->queue.set_options(options);
}

// ---- requests come and go ----------------------------------------------------------------------------------------------

batch_former::push_result batch_former::try_push(queued_request& r, time_point now) {
  if (unit_ == batch_unit::cost && r.cost > limits_.max_size) return {.entry = entry::too_large};
  lane* to = find_or_make(r.shape);
  if (!to) return {.entry = entry::shapes_full};
  const auto [bound, evicted] = to->queue.try_push(r);
  if (bound != request_queue::entry::accepted) return {.entry = from(bound)};
  ++size_;
  if (unit_ == batch_unit::cost) to->cost += r.cost;
  for (const queued_request* e = evicted; e; e = e->next) left(*to, *e);
  to->pushed = ++pushes_;
  if (to->policy.watches_arrivals()) to->policy.arrived(now);
  return {.evicted = evicted};
}

bool batch_former::remove(queued_request& r) noexcept {
  lane* at = find(r.shape);
  if (!at || !at->queue.remove(r)) return false;
  left(*at, r);
  return true;
}

queued_request* batch_former::take_any() noexcept {
  queued_request* r = nullptr;
  for (const auto& l : lanes_) {
    if (l->queue.take({&r, 1}) == 0) continue;
    left(*l, *r);
    break;
  }
  return r;
}

void batch_former::left(lane& from, const queued_request& r) noexcept {
  --size_;
  if (unit_ == batch_unit::cost) from.cost -= r.cost;
}

batch_former::lane* batch_former::find(std::uint64_t shape) const noexcept {
  for (const auto& l : lanes_)
    if (l->shape == shape) return l.get();
  return nullptr;
}

/// A shape that is new takes the place of the one of which nothing has come for longest, if nothing waits there: what its
/// policy has learnt is forgotten. Null if something waits everywhere.
batch_former::lane* batch_former::find_or_make(std::uint64_t shape) {
  if (lane* found = find(shape)) return found;
  const auto make = [&] { return std::make_unique<lane>(shape, queue_options_, policy_); };
  if (lanes_.size() < max_shapes_) return lanes_.emplace_back(make()).get();
  std::unique_ptr<lane>* replaced = nullptr;
  for (auto& l : lanes_)
    if (l->queue.empty() && (!replaced || l->pushed < (*replaced)->pushed)) replaced = &l;
  if (!replaced) return nullptr;
  *replaced = make();
  return replaced->get();
}

// ---- batches -------------------------------------------------------------------------------------------------------------

std::size_t batch_former::longest_queue() const noexcept {
  std::size_t longest = 0;
  for (const auto& l : lanes_) longest = std::max(longest, l->queue.size());
  return longest;
}

std::size_t batch_former::waiting_in(const lane& of) const noexcept { return unit_ == batch_unit::cost ? of.cost : of.queue.size(); }

batch_decision batch_former::ask(lane& of, time_point now) const {
  const std::size_t waiting = waiting_in(of);
  batch_decision decision = of.policy.form({.count = waiting,
                                            .oldest = needs_arrivals() ? of.queue.oldest() : time_point{},
                                            .tightest_deadline = of.queue.tightest_deadline()},
                                           limits_, now);
  decision.take = std::min({decision.take, waiting, limits_.max_size});
  return decision;
}

bool batch_former::goes_before(const lane& one, const lane& other) noexcept {
  const time_point a = one.queue.standing(), b = other.queue.standing();
  return a != b ? a < b : one.taken < other.taken;
}

batch_former::choice batch_former::choose(time_point now) {
  if (lanes_.size() == 1) {
    lane& only = *lanes_.front();
    return {&only, ask(only, now)};
  }
  choice first;
  time_point look_again = no_deadline;
  for (const auto& l : lanes_) {
    if (l->queue.empty()) continue;
    const batch_decision decision = ask(*l, now);
    if (decision.take == 0) look_again = std::min(look_again, decision.look_again);
    else if (!first.of || goes_before(*l, *first.of)) first = {l.get(), decision};
  }
  if (!first.of) first.decision.look_again = look_again;
  return first;
}

bool batch_former::has_complete(time_point now) {
  const auto [of, decision] = choose(now);
  return decision.take != 0 && (decision.take == limits_.max_size || decision.take < waiting_in(*of));
}

const queued_request* batch_former::next(time_point now) {
  const auto [of, decision] = choose(now);
  return decision.take == 0 ? nullptr : &of->queue.next();
}

formed_batch batch_former::take(std::span<queued_request*> out, time_point now) {
  const auto [of, decision] = choose(now);
  if (decision.take == 0) return {};
  of->taken = ++batches_;
  if (unit_ == batch_unit::request) {
    const std::size_t count = of->queue.take(out.first(decision.take));
    size_ -= count;
    return {.count = count, .size = count, .shape = of->shape, .why = decision.why};
  }
  formed_batch formed{.count = of->queue.take(out, decision.take), .shape = of->shape, .why = decision.why};
  for (const queued_request* r : out.first(formed.count)) {
    formed.size += r->cost;
    left(*of, *r);
  }
  return formed;
}

void batch_former::computed(const formed_batch& batch, duration took, time_point now) {
  if (lane* of = find(batch.shape)) of->policy.computed(batch.size, took, now);
}

bool batch_former::has_learnt(std::uint64_t shape) const {
  const lane* of = find(shape);
  return of && of->policy.has_learnt();
}

}  // namespace catena
