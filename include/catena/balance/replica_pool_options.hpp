// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is said about a replica pool when it is made, and what it says about its replicas while it works.
#include <catena/balance/balancing_policies.hpp>
#include <catena/recover/breaker.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace catena {

struct replica_options {
  double weight = 1;  ///< for the policies that look at it, 0.001 to 1000000
};

struct replica_pool_options {
  std::string name = "pool";                            ///< for messages, and the stage of direct calls
  balancing_policy balancing = power_of_two_choices{};  ///< also there: round_robin, least_outstanding, and so on, or your own
  breaker_options breaker = {};                         ///< each replica has one
  /// When fewer than this share of the replicas may be chosen, all are, well or not, as those left could not bear the load;
  /// 0 to 1, zero: never.
  double panic_share = 0.5;
  /// At how many other replicas a request is tried, at once, when one fails with condition::retry_elsewhere or an error of another
  /// library; 0 to 7. Those that are ejected or being probed are left alone. In a `.retry` each takes one of its retries, and there
  /// are no more than it has left; its pauses come when all this has failed. Zero: none, and a value that only the pool needs is
  /// moved into its replica, which others could not see then.
  std::size_t failovers = 0;
  duration latency_memory = std::chrono::seconds(10);  ///< latencies so long ago count for 1/e, more than 0 to 1 day
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const replica_options& options);
void check(const replica_pool_options& options);

enum class replica_state : std::uint8_t {
  serving,  ///< may be chosen
  ejected,  ///< is left alone for a while
  probing,  ///< gets one request at a time, to show that it is well again
  leaving,  ///< removed; ends what it has begun
};

struct replica_stats {
  std::string name;
  replica_state state = replica_state::serving;
  double weight = 1;
  std::uint64_t requests = 0;     ///< it was chosen for
  std::uint64_t failures = 0;     ///< that failed there, or ran out of time
  std::uint32_t outstanding = 0;  ///< requests that have not ended
  duration latency{};             ///< the mean of its answers lately; zero: none yet
};

}  // namespace catena
