// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who computes what right now, and who waits for it: identical requests are computed once.
#include <catena/cache/flight_member.hpp>

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>

namespace catena {

/// The flights of one shard: for each key that is being computed the leader, and those who wait for what it publishes.
/// \threads  unsafe
/// \cost     O(1); an allocation when more keys than ever are in flight
class single_flight {
 public:
  /// Enters a member: the first of its key leads, the others wait; one that has given up before is not let in.
  [[nodiscard]] flight_member::role join(flight_member& member) {
    if (member.role_ == flight_member::role::given_up) return member.role_;
    const auto [found, is_first] = leaders_.try_emplace(member.key, &member);
    if (!is_first) found->second->waiters_.push_back(member);
    return member.role_ = is_first ? flight_member::role::leads : flight_member::role::waits;
  }

  /// Takes a waiter out; false if it does not wait (any more): one that never entered is then never let in.
  [[nodiscard]] bool give_up(flight_member& member) noexcept {
    if (member.role_ == flight_member::role::outside) member.role_ = flight_member::role::given_up;
    if (member.role_ != flight_member::role::waits) return false;
    member.unlink();
    member.role_ = flight_member::role::given_up;
    return true;
  }

  /// The leader is done: the flight ends, and those who waited go to `out`, to be told.
  void finish(flight_member& leader, flight_list& out) noexcept {
    leaders_.erase(leader.key);
    leader.role_ = flight_member::role::outside;
    out.members_.take(leader.waiters_);
  }

  /// The leader will not be done: the oldest waiter leads in its stead, and is to be told; null if nobody waits.
  [[nodiscard]] flight_member* hand_over(flight_member& leader) noexcept {
    leader.role_ = flight_member::role::outside;
    if (leader.waiters_.empty()) {
      leaders_.erase(leader.key);
      return nullptr;
    }
    auto& next = static_cast<flight_member&>(leader.waiters_.front());
    next.unlink();
    next.waiters_.take(leader.waiters_);
    next.role_ = flight_member::role::leads;
    leaders_.find(leader.key)->second = &next;
    return &next;
  }

  [[nodiscard]] std::size_t size() const noexcept { return leaders_.size(); }

 private:
  struct low_bits {
    using is_avalanching = void;  // a key is a hash
    std::size_t operator()(const cache_key& key) const noexcept { return static_cast<std::size_t>(key.low); }
  };
  boost::unordered_flat_map<cache_key, flight_member*, low_bits> leaders_;
};

}  // namespace catena
