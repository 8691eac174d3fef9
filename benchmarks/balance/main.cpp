// SPDX-License-Identifier: BSL-1.0
// How well a pool balances where one of its replicas is slow or dead, in virtual time; and what choosing costs, in real time.
#include "policies.hpp"

namespace balance {

const std::vector<named_policy>& policies() {
  using namespace std::chrono_literals;
  static const std::vector<named_policy> all{
      {"p2c", [](std::uint64_t seed) { return catena::power_of_two_choices(seed); }},
      {"round_robin", [](std::uint64_t) { return catena::round_robin{}; }},
      {"weighted", [](std::uint64_t) { return catena::weighted_round_robin{}; }},
      {"response_time", [](std::uint64_t) { return catena::response_time_weighting{.base_time = 1ms}; }},
      {"least_outstanding", [](std::uint64_t) { return catena::least_outstanding{}; }},
  };
  return all;
}

}  // namespace balance

int main(int argc, char** argv) {
  std::vector<bench::subject> subjects;
  balance::add_simulated(subjects);
  balance::add_choosing(subjects);
  balance::add_inline(subjects);
  return bench::run("balance", subjects, argc, argv);
}
