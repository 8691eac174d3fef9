// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/adaptive_batching.hpp>

namespace catena {

batch_decision adaptive_batching::form_in_time(const waiting_requests& waiting, const batch_limits& limits, time_point now) const {
  const time_point deadline = waiting.tightest_deadline;
  if (waiting.count < limits.max_size && limits.max_delay > duration{}) {
    time_point release = waiting.oldest + limits.max_delay;
    if (deadline != no_deadline) {
      const std::chrono::duration<double, std::nano> needed(costs_.cost(waiting.count));
      release = std::min(release, detail::earlier(deadline, std::chrono::duration_cast<duration>(needed)));
    }
    if (now < release) return {.take = 0, .look_again = release};
  }
  const std::size_t take = best_of(std::min(waiting.count, limits.max_size));
  const std::size_t timely = deadline == no_deadline || deadline <= now ? take : in_time(take, deadline - now);
  return {.take = timely, .why = timely < take ? "a deadline" : take < waiting.count ? "the cost curve" : "all that wait"};
}

double adaptive_batching::rows_per_ns(std::size_t size) const noexcept {
  return static_cast<double>(size) / (costs_.cost(size) + handover_ns);
}

std::size_t adaptive_batching::in_time(std::size_t take, duration left) const noexcept {
  constexpr double nearly_as_good = 0.9;
  const auto left_ns = std::chrono::duration<double, std::nano>(left).count();
  if (costs_.cost(take) <= left_ns) return take;
  const double enough = nearly_as_good * rows_per_ns(take);
  for (std::size_t knot = cost_table::nearest_knot(take); knot-- > 0;) {
    const std::size_t n = cost_table::size_of(knot);
    if (costs_.cost(n) <= left_ns) return rows_per_ns(n) >= enough ? n : take;
  }
  return take;
}

void adaptive_batching::learn(std::size_t size, duration took) {
  if (size == 0) return;
  until_learning_ = learning_interval - took;
  const std::size_t knot = cost_table::nearest_knot(size);
  const bool was_trusted = costs_.trusted(knot);
  familiar_count_ = was_trusted ? familiar_count_ + 1 : 0;
  costs_.learn(size, took);
  unused_ += took;
  const bool was_probing = probing_;
  probing_ = costs_.learnt() % probe_interval == 0;
  if (unused_ >= choosing_interval || was_trusted != costs_.trusted(knot) || was_probing != probing_) choose();
}

/// For every knot, whether it is better than all smaller ones; if not, which of them is the best.
void adaptive_batching::choose() {
  unused_ = {};
  costs_.smooth();
  most_.resize(costs_.knot_count());
  std::size_t best = 0;
  double best_rate = 0;
  for (std::size_t i = 0; i < most_.size(); ++i) {
    const std::size_t size = cost_table::size_of(i);
    const double rate = rows_per_ns(size);
    const bool unknown = !costs_.trusted(i) || (probing_ && costs_.age(i) > probe_age);
    if (unknown || rate > best_rate) {
      most_[i] = all;
    } else {
      most_[i] = static_cast<std::uint32_t>(cost_table::size_of(best));
      // Neither is it good then to take a little more than the best.
      if (best + 1 == i && costs_.trusted(best)) most_[best] = most_[i];
    }
    if (rate > best_rate) {
      best = i;
      best_rate = rate;
    }
  }
}

}  // namespace catena
