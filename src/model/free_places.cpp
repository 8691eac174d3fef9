// SPDX-License-Identifier: BSL-1.0
#include <catena/model/free_places.hpp>

#include <algorithm>
#include <iterator>

namespace catena::detail {

free_places::free_places(std::size_t instances) : seats_(instances) {
  idle_.reserve(instances);
  open_.reserve(instances);
}

void free_places::add(batch_place& place) {
  seat& of = seats_[place.index];
  of.free.push_back(&place);
  make_offer(of);
}

batch_place& free_places::take_from(std::vector<seat*>& offered, std::uint32_t there) noexcept {
  auto chosen = std::find_if(offered.rbegin(), offered.rend(), [&](const seat* s) { return s->locality == there; });
  if (chosen == offered.rend()) chosen = offered.rbegin();
  seat& of = **chosen;
  offered.erase(std::next(chosen).base());
  of.offered = offer::nothing;
  of.called = true;
  ++of.under_way;
  batch_place& place = *of.free.back();
  of.free.pop_back();
  return place;
}

void free_places::returned(const batch_place& place) noexcept {
  seat& of = seats_[place.index];
  of.called = false;
  make_offer(of);
}

void free_places::done(batch_place& place) noexcept {
  seat& of = seats_[place.index];
  of.free.push_back(&place);
  --of.under_way;
  make_offer(of);
}

void free_places::make_offer(seat& of) noexcept {
  const offer wanted = of.called || of.free.empty() ? offer::nothing : of.under_way == 0 ? offer::now : offer::next;
  if (wanted == of.offered) return;
  if (of.offered == offer::next) std::erase(open_, &of);
  if (wanted == offer::now) idle_.push_back(&of);
  if (wanted == offer::next) open_.push_back(&of);
  of.offered = wanted;
}

}  // namespace catena::detail
