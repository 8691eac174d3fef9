// SPDX-License-Identifier: BSL-1.0
#include <catena/incident/parking_lot.hpp>
#include <catena/runtime.hpp>

#include <utility>

namespace catena {

std::shared_ptr<parking_lot> parking_lot::of(runtime_state& runtime) {
  return runtime.only_user<parking_lot>(
      [&] { return std::make_shared<parking_lot>(runtime.weak_from_this(), runtime.most_parked, runtime.parked_runs); });
}

result<void> parking_lot::reserve(const parked_record& record) {
  {
    const std::lock_guard lock(mutex_);
    const auto runtime = runtime_.lock();
    if (closed_ || !runtime || runtime->draining()) return failure(errc::shutting_down, "no run is parked while the runtime drains");
    if (taken_ >= most_) return failure(errc::queue_full, "there are " + std::to_string(most_) + " parked runs already");
    ++taken_;
  }
  try {
    if (store_) store_->parked(record);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    --taken_;
    return failure::from(std::current_exception());
  }
  return {};
}

void parking_lot::give_back(const parked_record& record) noexcept {
  {
    const std::lock_guard lock(mutex_);
    --taken_;
  }
  ended(record.token_hash);
}

void parking_lot::ended(const std::string& hash) noexcept {
  if (store_) store_->ended(hash);
}

bool parking_lot::add(parked_place& place, const parked_record& record, time_point moment) {
  const auto runtime = runtime_.lock();
  const std::lock_guard lock(mutex_);
  if (closed_ || !runtime) return false;
  places_.emplace(record.token_hash, entry{&place, record});
  if (!place.lot) {  // later on a timer that comes late may be reading them
    place.lot = this;
    place.fire = &parking_lot::fire;
  }
  place.hash = record.token_hash;
  place.made.reset();
  place.by_limit = place.keeps_memory = false;
  place.waiting_here = true;
  place.when = moment;
  runtime->timers->add(place);  // never calls back here: this lot is closed before the timers are
  return true;
}

/// Its timer is stopped, or finds it gone.
void parking_lot::take_out_locked(parked_place& place, over how) noexcept {
  place.waiting_here = false;
  const auto runtime = runtime_.lock();
  place.keeps_memory = runtime && runtime->timers->remove(place);
  places_.erase(place.hash);
  --taken_;
  try {
    if (over_order_.size() >= most_ && !over_order_.empty()) {
      over_.erase(over_order_.front());
      over_order_.pop_front();
    }
    over_order_.push_back(place.hash);
    over_[place.hash] = how;
  } catch (...) {
    // Then its token is unknown from now on, which is an error as well.
  }
}

bool parking_lot::leave(parked_place& place) noexcept {
  const std::lock_guard lock(mutex_);
  if (!place.waiting_here) return false;
  take_out_locked(place, over::ended);
  return true;
}

parked_place* parking_lot::leave(const std::string& hash) noexcept {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(hash);
  if (found == places_.end()) return nullptr;
  parked_place* const place = found->second.place;
  take_out_locked(*place, over::ended);
  return place;
}

std::string parking_lot::why_not_locked(const std::string& hash) const {
  const auto known = over_.find(hash);
  if (known == over_.end()) return "no run waits for a decision under this token";
  switch (known->second) {
    case over::decided: return "this token has been used";
    case over::timed_out: return "the time for this decision is over: it was made without anybody";
    case over::ended: return "the run that waited under this token is over";
  }
  return {};
}

result<void> parking_lot::decide(std::string_view token, decision d) {
  const std::string hash = sha256(token);
  if (d.time() < duration{}) return failure(errc::invalid_input, "the time that a decision gives must be more than zero");
  parked_place* place = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(hash);
    if (found == places_.end()) return failure(errc::no_such_token, why_not_locked(hash));
    place = found->second.place;
    if (std::string fault = place->fault(*place, d); !fault.empty()) return failure(errc::invalid_input, std::move(fault)).within(found->second.record.path);
    place->made = std::move(d);
    take_out_locked(*place, over::decided);
  }
  place->end(*place, wake::resumed);
  return {};
}

std::vector<parked_record> parking_lot::records() const {
  const std::lock_guard lock(mutex_);
  std::vector<parked_record> all;
  for (const auto& [hash, parked] : places_) all.push_back(parked.record);
  return all;
}

/// Else somebody was quicker; perhaps it is parked again by now, under another timer.
void parking_lot::fire(timer_node& node, wake how) {
  auto& place = static_cast<parked_place&>(node);
  if (place.lot->take_if_due(place, how)) place.end(place, how);
  else place.release(place);
}

bool parking_lot::take_if_due(parked_place& place, wake how) noexcept {
  const std::lock_guard lock(mutex_);
  const auto runtime = runtime_.lock();
  if (!place.waiting_here || (how == wake::resumed && runtime && place.when > runtime->time->now())) return false;
  place.made = *place.on_limit;
  place.by_limit = true;
  take_out_locked(place, over::timed_out);
  if (place.keeps_memory) place.release(place);  // it was parked again meanwhile, and each timer had kept it
  place.keeps_memory = true;
  return true;
}

bool parking_lot::was_here(std::string_view token) const {
  const std::string hash = sha256(token);
  const std::lock_guard lock(mutex_);
  return over_.contains(hash);
}

void parking_lot::executor_gone() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;  // the timers say so to all that are parked
}

void parking_lot::drain_begins() noexcept {
  std::vector<parked_place*> all;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (const auto& [hash, parked] : places_) all.push_back(parked.place);
    for (parked_place* place : all) {
      place->made = decision::fail(failure(errc::shutting_down, "nobody had decided when the runtime was drained"));
      take_out_locked(*place, over::ended);
    }
  }
  for (parked_place* place : all) place->end(*place, wake::resumed);
}

result<void> runtime::decide(std::string_view token, decision d) const {
  return parking_lot::of(*state_)->decide(token, std::move(d));
}

std::vector<parked_record> runtime::parked() const { return parking_lot::of(*state_)->records(); }

}  // namespace catena
