// SPDX-License-Identifier: BSL-1.0
#include <catena/cache/single_flight.hpp>

#include <deque>
#include <map>
#include <random>
#include <vector>

#include "support/catch.hpp"

namespace {

using catena::cache_key;
using catena::flight_list;
using catena::flight_member;
using catena::single_flight;
using role = flight_member::role;

constexpr cache_key a_key{1, 1};
constexpr cache_key another_key{1, 2};

std::vector<flight_member*> all_of(flight_list& list) {
  std::vector<flight_member*> all;
  while (auto* member = list.pop()) all.push_back(member);
  return all;
}

}  // namespace

TEST_CASE("the first of a key leads and the others wait for what it publishes, in the order of their coming") {
  single_flight flights;
  flight_member leader(a_key), first(a_key), second(a_key), apart(another_key);
  CHECK(flights.join(leader) == role::leads);
  CHECK(flights.join(first) == role::waits);
  CHECK(flights.join(second) == role::waits);
  CHECK(flights.join(apart) == role::leads);
  CHECK(flights.size() == 2);
  flight_list told;
  flights.finish(leader, told);
  CHECK(all_of(told) == std::vector{&first, &second});
  CHECK(flights.size() == 1);
  flight_member next(a_key);
  CHECK(flights.join(next) == role::leads);
}

TEST_CASE("a waiter that gives up leaves the others waiting") {
  single_flight flights;
  flight_member leader(a_key), first(a_key), second(a_key), third(a_key);
  for (auto* m : {&leader, &first, &second, &third}) (void)flights.join(*m);
  CHECK(flights.give_up(second));
  CHECK(!flights.give_up(second));
  flight_list told;
  flights.finish(leader, told);
  CHECK(all_of(told) == std::vector{&first, &third});
}

TEST_CASE("a leader, or one who was told, cannot give up, and one that gave up before is never let in") {
  single_flight flights;
  flight_member leader(a_key), waiter(a_key), early(a_key);
  (void)flights.join(leader);
  (void)flights.join(waiter);
  CHECK(!flights.give_up(leader));
  CHECK(!flights.give_up(early));
  CHECK(flights.join(early) == role::given_up);
  flight_list told;
  flights.finish(leader, told);
  CHECK(told.pop() == &waiter);
  CHECK(!flights.give_up(waiter));
}

TEST_CASE("those who have not been told yet may still give up") {
  single_flight flights;
  flight_member leader(a_key), first(a_key), second(a_key);
  for (auto* m : {&leader, &first, &second}) (void)flights.join(*m);
  flight_list told;
  flights.finish(leader, told);
  CHECK(told.pop() == &first);
  CHECK(flights.give_up(second));
  CHECK(told.empty());
}

TEST_CASE("the oldest waiter takes over from a leader that gives up, and the rest wait for it") {
  single_flight flights;
  flight_member leader(a_key), first(a_key), second(a_key), third(a_key);
  for (auto* m : {&leader, &first, &second}) (void)flights.join(*m);
  CHECK(flights.hand_over(leader) == &first);
  CHECK(flights.join(third) == role::waits);
  CHECK(!flights.give_up(first));
  flight_list told;
  flights.finish(first, told);
  CHECK(all_of(told) == std::vector{&second, &third});
}

TEST_CASE("a flight ends when its leader gives up and nobody waits") {
  single_flight flights;
  flight_member leader(a_key), next(a_key);
  (void)flights.join(leader);
  CHECK(flights.hand_over(leader) == nullptr);
  CHECK(flights.size() == 0);
  CHECK(flights.join(next) == role::leads);
}

TEST_CASE("flights agree with a map of deques") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    single_flight flights;
    std::deque<flight_member> members;
    std::map<cache_key, std::deque<flight_member*>> plain;  // the leader first
    for (int step = 0; step < 3000; ++step) {
      const cache_key key{random() % 4, 0};
      auto& flying = plain[key];
      switch (random() % 6) {
        case 0:
        case 1:
        case 2: {
          auto& member = members.emplace_back(key);
          REQUIRE(flights.join(member) == (flying.empty() ? role::leads : role::waits));
          flying.push_back(&member);
          break;
        }
        case 3: {
          if (flying.size() < 2) break;
          const auto at = flying.begin() + 1 + static_cast<std::ptrdiff_t>(random() % (flying.size() - 1));
          REQUIRE(flights.give_up(**at));
          flying.erase(at);
          break;
        }
        case 4: {
          if (flying.empty()) break;
          flight_list told;
          flights.finish(*flying.front(), told);
          REQUIRE(all_of(told) == std::vector<flight_member*>(flying.begin() + 1, flying.end()));
          flying.clear();
          break;
        }
        default: {
          if (flying.empty()) break;
          auto* leader = flying.front();
          flying.pop_front();
          REQUIRE(flights.hand_over(*leader) == (flying.empty() ? nullptr : flying.front()));
        }
      }
    }
  }
}
