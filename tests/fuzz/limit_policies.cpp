// SPDX-License-Identifier: BSL-1.0
/// \file
/// Limit policies stay in their range whatever they are told, and aimd_limit agrees with a sorted vector.
#include <catena/schedule/limit_policies.hpp>

#include <algorithm>
#include <vector>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::limit_policies_target {

/// What aimd_limit says of itself, in a few lines.
struct plain_aimd {
  explicit plain_aimd(const aimd_limit_options& o) : options(o), limit(static_cast<double>(o.range.first)) {}

  void ended(const ended_request& r, time_point now) {
    if (since == no_deadline) since = now;
    peak = std::max(peak, r.in_flight);
    if (r.outcome == request_outcome::ignored || now - r.latency < since) return;
    seen.push_back(r.outcome == request_outcome::overloaded ? duration::max() : r.latency);
    const auto whole = static_cast<std::size_t>(limit);
    if (seen.size() < std::min<std::size_t>(256, std::max<std::size_t>(16, whole))) return;
    std::sort(seen.begin(), seen.end());
    double wanted = limit;
    if (seen[static_cast<std::size_t>(0.9 * static_cast<double>(seen.size() - 1))] > options.target) {
      missed = true;
      wanted = limit * options.backoff;
    } else if (static_cast<double>(peak) >= 0.9 * static_cast<double>(whole)) {
      wanted = missed ? limit + 1 : limit * 2;
    }
    limit = std::min(std::max(wanted, static_cast<double>(options.range.least)), static_cast<double>(options.range.most));
    if (static_cast<std::size_t>(limit) != whole) since = now;
    seen.clear();
    peak = 0;
  }

  aimd_limit_options options;
  double limit;
  bool missed = false;
  time_point since = no_deadline;
  std::vector<duration> seen;
  std::size_t peak = 0;
};

limit_range range_of(input& in) {
  limit_range r;
  r.most = 1 + in.below(in.below(2) ? 40 : 2000);
  r.least = 1 + in.below(r.most);
  r.first = r.least + in.below(r.most - r.least + 1);
  return r;
}

template <class Policy, class Plain>
void stays_in_range(input& in, Policy policy, Plain plain, const limit_range& range) {
  time_point now = start;
  while (!in.empty()) {
    // The same for a while, so that windows fill with few bytes.
    const ended_request r{.latency = in.span(), .outcome = static_cast<request_outcome>(in.below(8) < 6 ? 0 : in.below(3)),
                          .in_flight = in.below(4) ? policy.limit() : in.below(2000)};
    const duration step = in.span();
    for (std::size_t count = 1 + in.below(100); count > 0; --count) {
      now += step;
      policy.ended(r, now);
      plain.ended(r, now);
      require(policy.limit() >= range.least && policy.limit() <= range.most);
      if constexpr (std::is_same_v<Plain, plain_aimd>) require(policy.limit() == static_cast<std::size_t>(plain.limit));
    }
  }
}

struct nothing {
  void ended(const ended_request&, time_point) {}
};

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, std::min<std::size_t>(size, 1000));
  const limit_range range = range_of(in);
  if (in.below(2)) {
    const aimd_limit_options options{.target = duration(1) + in.span(), .range = range, .backoff = 0.5 + static_cast<double>(in.below(50)) / 100};
    stays_in_range(in, aimd_limit(options), plain_aimd(options), range);
  } else {
    const gradient_limit_options options{.range = range, .tolerance = 1 + static_cast<double>(in.below(91)) / 10, .probe_interval = duration(1) + in.span()};
    stays_in_range(in, gradient_limit(options), nothing{}, range);
  }
}

const target registered("limit_policies", on_input);

}  // namespace catena::fuzz::limit_policies_target
