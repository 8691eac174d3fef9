// SPDX-License-Identifier: BSL-1.0
/// \file
/// A shard: lru agrees with a std::list, s3_fifo keeps its promises, neither loses a value, and one flight is made for a key.
#include <catena/cache/lru.hpp>
#include <catena/cache/s3_fifo.hpp>
#include <catena/cache/single_flight.hpp>

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <type_traits>
#include <vector>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::cache_policies_target {

/// Few keys, some of which meet in the index and some in the tag.
cache_key key_of(std::size_t number) { return {.low = (number & 7) | (number >> 3) << 33, .high = number}; }

struct plain_entry {
  std::size_t key;
  int value;
  std::size_t bytes;
  time_point expires;
};

/// The most recently used first.
struct plain_cache {
  std::list<plain_entry> all;
  [[nodiscard]] auto find(std::size_t key) {
    return std::find_if(all.begin(), all.end(), [&](const auto& e) { return e.key == key; });
  }
  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto& e : all) sum += e.bytes;
    return sum;
  }
};

/// s3_fifo's order of eviction is not written down twice: whatever it dropped, the plain cache drops as well.
template <class Policy>
void caches(input& in) {
  constexpr bool is_lru = std::is_same_v<Policy, lru<int>>;
  const cache_limits limits{.count = 1 + in.below(24), .bytes = 1 + in.below(600)};
  Policy cache(limits);
  plain_cache plain;
  time_point now = start;
  int last_value = 0;
  const auto drop = [&](const std::vector<int>& dropped) {
    for (const int value : dropped) {
      const auto at = std::find_if(plain.all.begin(), plain.all.end(), [&](const auto& e) { return e.value == value; });
      require(at != plain.all.end());
      plain.all.erase(at);
    }
  };
  while (!in.empty()) {
    const std::size_t key = in.below(48);
    std::vector<int> dropped;
    const auto at = plain.find(key);
    const bool is_there = at != plain.all.end();
    switch (in.below(6)) {
      case 0: now += duration(in.byte()); break;
      case 1:
        require(cache.erase(key_of(key), dropped) == is_there);
        require(dropped.size() == is_there);
        drop(dropped);
        break;
      case 2:
      case 3: {
        const int* found = cache.get(key_of(key), now, dropped);
        const bool lives = is_there && at->expires > now;
        require((found != nullptr) == lives);
        require(dropped.size() == (is_there && !lives));
        if (found) {
          require(*found == at->value);
          plain.all.splice(plain.all.begin(), plain.all, at);
        }
        drop(dropped);
        break;
      }
      default: {
        const std::size_t bytes = in.below(700);
        const time_point expires = in.below(2) ? no_deadline : now + duration(in.byte());
        const int value = ++last_value;
        const bool stored = cache.put(key_of(key), value, bytes, expires, dropped);
        require(stored == (bytes <= limits.bytes));
        if constexpr (is_lru) {
          std::vector<int> expected;
          if (is_there) expected.push_back(at->value);
          plain_cache rest = plain;
          std::erase_if(rest.all, [&](const auto& e) { return e.key == key; });
          while (stored && (rest.all.size() >= limits.count || rest.bytes() + bytes > limits.bytes)) {
            expected.push_back(rest.all.back().value);
            rest.all.pop_back();
          }
          require(dropped == expected);
        }
        drop(dropped);
        require(plain.find(key) == plain.all.end());
        if (stored) plain.all.push_front({key, value, bytes, expires});
      }
    }
    require(cache.size() == plain.all.size());
    require(cache.size() <= limits.count);
    require(cache.bytes() == plain.bytes());
    require(cache.bytes() <= limits.bytes);
  }
}

void flights(input& in) {
  using role = flight_member::role;
  single_flight flights;
  std::deque<flight_member> members;
  std::map<std::size_t, std::deque<flight_member*>> plain;  // by key: the leader, and who waits behind it
  for (std::size_t i = 0; i < 40; ++i) members.emplace_back(key_of(i % 5));
  std::vector<role> roles(members.size(), role::outside);
  const auto number = [&](const flight_member* m) {
    return static_cast<std::size_t>(std::find_if(members.begin(), members.end(), [&](const auto& x) { return &x == m; }) - members.begin());
  };
  while (!in.empty()) {
    const std::size_t i = in.below(members.size());
    auto& flight = plain[i % 5];
    switch (in.below(4)) {
      case 0:
        require(flights.give_up(members[i]) == (roles[i] == role::waits));
        if (roles[i] == role::waits) std::erase(flight, &members[i]);
        if (roles[i] == role::waits || roles[i] == role::outside) roles[i] = role::given_up;
        break;
      case 1: {
        if (roles[i] != role::leads) break;
        flight_list out;
        flights.finish(members[i], out);
        flight.pop_front();
        roles[i] = role::outside;
        while (!out.empty()) {
          flight_member* told = out.pop();
          require(told == flight.front());
          flight.pop_front();
          roles[number(told)] = role::outside;
        }
        require(flight.empty());
        break;
      }
      case 2: {
        if (roles[i] != role::leads) break;
        flight.pop_front();
        roles[i] = role::outside;
        flight_member* next = flights.hand_over(members[i]);
        require(next == (flight.empty() ? nullptr : flight.front()));
        if (next) roles[number(next)] = role::leads;
        break;
      }
      default: {
        if (roles[i] == role::leads || roles[i] == role::waits) break;
        const role expected = roles[i] == role::given_up ? role::given_up : flight.empty() ? role::leads : role::waits;
        require(flights.join(members[i]) == expected);
        if (expected != role::given_up) flight.push_back(&members[i]);
        roles[i] = expected;
      }
    }
    const auto in_flight = std::count_if(plain.begin(), plain.end(), [](const auto& f) { return !f.second.empty(); });
    require(flights.size() == static_cast<std::size_t>(in_flight));
  }
  // What leads at the end would lead for ever: each must be ended before it dies.
  for (auto& [key, flight] : plain) {
    if (flight.empty()) continue;
    flight_list out;
    flights.finish(*flight.front(), out);
    while (!out.empty()) (void)out.pop();
  }
  require(flights.size() == 0);
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, std::min<std::size_t>(size, 3000));
  switch (in.below(3)) {
    case 0: caches<lru<int>>(in); break;
    case 1: caches<s3_fifo<int>>(in); break;
    default: flights(in);
  }
}

const target registered("cache_policies", on_input);

}  // namespace catena::fuzz::cache_policies_target
