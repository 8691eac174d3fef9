// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/fair_order.hpp>

#include <algorithm>
#include <limits>

namespace catena::detail {

void fair_order::push(queued_request& r) {
  make_room();
  const std::uint32_t number = number_of(r.tenant);
  tenant& of = tenants_[number];
  if (!of.first) join_circle(number);
  r.place = number;
  r.previous = of.last;
  r.next = nullptr;
  (of.last ? of.last->next : of.first) = &r;
  of.last = &r;
  put(r);
}

queued_request& fair_order::next() noexcept {
  for (std::size_t too_poor = 0;;) {
    tenant& of = tenants_[turn_];
    if (!began_) of.savings += quantum_;
    began_ = true;
    if (of.first->cost <= of.savings) return *of.first;
    turn_ = of.next;
    began_ = false;
    if (++too_poor == numbers_.size()) pass_rounds();
  }
}

queued_request& fair_order::pop() noexcept {
  queued_request& r = next();
  tenants_[turn_].savings -= r.cost;
  take_out(r);
  (void)fifo_order::remove(r);
  return r;
}

bool fair_order::remove(queued_request& r) noexcept {
  if (!fifo_order::remove(r)) return false;
  take_out(r);
  return true;
}

/// Gives everybody at once what the rounds would in which nobody has enough.
void fair_order::pass_rounds() noexcept {
  std::uint64_t rounds = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [name, number] : numbers_) {
    const tenant& of = tenants_[number];
    rounds = std::min(rounds, (of.first->cost - of.savings - 1) / quantum_);
  }
  for (const auto& [name, number] : numbers_) tenants_[number].savings += rounds * quantum_;
}

/// Of one that does not wait yet, a new number. If this throws, that tenant has no number, and nothing else has changed.
std::uint32_t fair_order::number_of(std::uint64_t name) {
  if (unused_ == none) {
    tenants_.push_back({.next = none});
    unused_ = static_cast<std::uint32_t>(tenants_.size() - 1);
  }
  const auto [at, is_new] = numbers_.try_emplace(name, unused_);
  if (is_new) {
    const std::uint32_t next_unused = tenants_[unused_].next;
    tenants_[unused_] = {.name = name};
    unused_ = next_unused;
  }
  return at->second;
}

/// Its first turn comes last.
void fair_order::join_circle(std::uint32_t number) noexcept {
  tenant& of = tenants_[number];
  if (turn_ == none) {
    turn_ = of.previous = of.next = number;
    began_ = false;
    return;
  }
  of.next = turn_;
  of.previous = tenants_[turn_].previous;
  tenants_[of.previous].next = tenants_[turn_].previous = number;
}

void fair_order::leave_circle(std::uint32_t number) noexcept {
  tenant& of = tenants_[number];
  tenants_[of.previous].next = of.next;
  tenants_[of.next].previous = of.previous;
  if (turn_ == number) {
    turn_ = of.next == number ? none : of.next;
    began_ = false;
  }
  numbers_.erase(of.name);
  of.next = unused_;
  unused_ = number;
}

void fair_order::take_out(queued_request& r) noexcept {
  tenant& of = tenants_[r.place];
  (r.previous ? r.previous->next : of.first) = r.next;
  (r.next ? r.next->previous : of.last) = r.previous;
  if (!of.first) leave_circle(r.place);
}

}  // namespace catena::detail
