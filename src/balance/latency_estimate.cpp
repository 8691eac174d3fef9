// SPDX-License-Identifier: BSL-1.0
#include <catena/balance/latency_estimate.hpp>

#include <algorithm>
#include <cmath>

namespace catena {

double latency_estimate::kept(time_point now) const noexcept {
  if (now <= stamp_ || !is_known()) return 1;
  const double gone = static_cast<double>((now - stamp_).count()) / memory_;
  // The first two terms are exact enough for a moment, and save the exponential function for most requests.
  constexpr double moment = 1e-3;
  return gone < moment ? 1 - gone : std::exp(-gone);
}

void latency_estimate::answered(duration taken, time_point now) noexcept {
  const double took = static_cast<double>(std::max(taken, duration(1)).count());
  const double past = kept(now);
  mean_ = is_known() ? mean_ * past + took * (1 - past) : took;
  peak_ = took > peak_ ? took : peak_ * past + took * (1 - past);
  stamp_ = std::max(stamp_, now);
}

void latency_estimate::given_up(duration after, time_point now) noexcept {
  if (after > peak(now)) answered(after, now);
}

}  // namespace catena
