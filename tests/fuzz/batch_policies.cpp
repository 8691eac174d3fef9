// SPDX-License-Identifier: BSL-1.0
/// \file
/// Batch policies, whatever they have learnt: what they take is there, what they wait for comes, and nobody waits for ever.
#include <catena/schedule/adaptive_batching.hpp>
#include <catena/schedule/batch_policies.hpp>

#include <algorithm>
#include <vector>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::batch_policies_target {

batch_policy policy_of(input& in, duration& longest) {
  switch (in.below(4)) {
    case 0: return greedy_batching{};
    case 1: {
      std::vector<std::size_t> sizes(1 + in.below(4));
      for (auto& s : sizes) s = 1 + in.below(100);
      return preferred_batching(sizes);
    }
    case 2: {
      const std::size_t least = 1 + in.below(100);
      longest = duration(1) + in.span();
      return window_batching(least, longest);
    }
    default: return adaptive_batching{};
  }
}

/// With nothing else happening, an idle instance takes something by the time that a request may be made to wait.
void is_served(const batch_policy& policy, const waiting_requests& waiting, const batch_limits& limits, time_point now, duration longest) {
  for (int looks = 0;; ++looks) {
    const batch_decision d = policy.form(waiting, limits, now);
    if (d.take != 0) {
      require(d.take <= waiting.count);
      require(d.take <= limits.max_size);
      return;
    }
    require(d.look_again > now);
    require(d.look_again <= waiting.oldest + longest);
    require(looks < 8);
    now = d.look_again;
  }
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  const batch_limits limits{.max_size = 1 + in.below(in.below(4) ? 80 : 5000), .max_delay = in.below(2) ? duration{} : in.span()};
  duration longest = limits.max_delay;
  batch_policy policy = policy_of(in, longest);
  time_point now = start;
  while (!in.empty()) {
    now += in.span();
    switch (in.below(4)) {
      case 0: policy.arrived(now); break;
      case 1: policy.computed(1 + in.below(limits.max_size), in.span(), now); break;
      default: {
        waiting_requests waiting{.count = in.below(200)};
        if (waiting.count == 0) {
          require(policy.form(waiting, limits, now).take == 0);
          break;
        }
        waiting.oldest = now - std::min(in.span(), now - start);
        if (in.below(2)) waiting.tightest_deadline = now + in.span() - std::chrono::milliseconds(1);
        is_served(policy, waiting, limits, now, longest);
      }
    }
  }
}

const target registered("batch_policies", on_input);

}  // namespace catena::fuzz::batch_policies_target
