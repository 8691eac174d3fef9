// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Those who take part in a flight: nodes of lists, parts of the operations that make the requests.
#include <catena/cache/hasher.hpp>

#include <cstdint>

namespace catena {

/// A place in a circular list; alone, it is a list of nothing.
class flight_link {
 public:
  flight_link() noexcept = default;
  flight_link(const flight_link&) = delete;
  flight_link& operator=(const flight_link&) = delete;

  [[nodiscard]] bool empty() const noexcept { return next_ == this; }
  [[nodiscard]] flight_link& front() const noexcept { return *next_; }
  void push_back(flight_link& one) noexcept {
    one.previous_ = previous_;
    one.next_ = this;
    previous_->next_ = &one;
    previous_ = &one;
  }
  void unlink() noexcept {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = this;
  }
  /// Takes over all of another list; this one is empty.
  void take(flight_link& other) noexcept {
    if (other.empty()) return;
    other.push_back(*this);
    other.unlink();
  }

 private:
  flight_link* previous_ = this;
  flight_link* next_ = this;
};

/// One request's part in a flight, a part of whatever operation makes the request: it leads, or it waits.
/// \lifetime  in one place from join() until it is out again; whoever takes a waiter out has still to wake it
class flight_member : private flight_link {
 public:
  enum class role : std::uint8_t { outside, waits, leads, given_up };

  explicit flight_member(const cache_key& k) noexcept : key(k) {}

  const cache_key key;

 private:
  friend class single_flight;
  friend class flight_list;
  role role_ = role::outside;
  flight_link waiters_;  ///< while it leads
};

/// Members that have left a flight together, the oldest first. Those who still wait in it may give up.
class flight_list {
 public:
  [[nodiscard]] bool empty() const noexcept { return members_.empty(); }
  /// The oldest one, which now waits no more; null if there is none.
  [[nodiscard]] flight_member* pop() noexcept {
    if (members_.empty()) return nullptr;
    auto& oldest = static_cast<flight_member&>(members_.front());
    oldest.unlink();
    oldest.role_ = flight_member::role::outside;
    return &oldest;
  }

 private:
  friend class single_flight;
  flight_link members_;
};

}  // namespace catena
