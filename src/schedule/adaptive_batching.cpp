// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/adaptive_batching.hpp>

#include <algorithm>
#include <cmath>

namespace catena {

batch_decision adaptive_batching::form(const waiting_requests& waiting, const batch_limits& limits, time_point now) const {
  if (waiting.count == 0) return {};
  if (waiting.count < limits.max_size && limits.max_delay > duration{}) {
    time_point release = waiting.oldest + limits.max_delay;
    if (waiting.tightest_deadline != no_deadline) {
      const auto needed = std::chrono::duration_cast<duration>(std::chrono::duration<double, std::nano>(costs_.cost(waiting.count)));
      release = std::min(release, waiting.tightest_deadline - needed);
    }
    if (now < release) return {.take = 0, .look_again = release};
  }
  const std::size_t most = std::min(waiting.count, limits.max_size);
  const std::size_t take = best_of(most);
  if (waiting.tightest_deadline == no_deadline) return {.take = take};
  return {.take = in_time(take, waiting.tightest_deadline - now)};
}

/// Whether the size, or one near to it, has been measured often enough.
bool adaptive_batching::is_known(std::size_t size) const noexcept {
  const auto reach = static_cast<std::size_t>(static_cast<double>(size) * spacing);
  for (std::size_t n = size - reach; n <= size + reach; ++n)
    if (costs_.trusted(n)) return true;
  return false;
}

std::size_t adaptive_batching::best_of(std::size_t count) const noexcept {
  if (count >= take_.size() || take_[count] == count || !is_known(count)) return count;
  const bool probing = costs_.learnt() % probe_interval == 0 && costs_.age(count) > probe_age;
  return probing ? count : take_[count];
}

double adaptive_batching::rows_per_ns(std::size_t size) const noexcept {
  return static_cast<double>(size) / (costs_.cost(size) + handover_ns);
}

std::size_t adaptive_batching::in_time(std::size_t take, duration left) const noexcept {
  constexpr double nearly_as_good = 0.8;
  const auto left_ns = std::chrono::duration<double, std::nano>(left).count();
  if (left_ns <= 0 || costs_.cost(take) <= left_ns) return take;
  const double enough = nearly_as_good * rows_per_ns(take);
  for (std::size_t n = take; n-- > 1;)
    if (costs_.cost(n) <= left_ns && rows_per_ns(n) >= enough) return n;
  return take;
}

void adaptive_batching::computed(std::size_t size, duration took, time_point) {
  const bool was_trusted = costs_.trusted(size);
  costs_.learn(size, took);
  const bool news = !was_trusted && costs_.trusted(size);
  if (news || costs_.learnt() - rebuilt_at_ >= rebuild_interval) rebuild(costs_.largest());
}

/// For every number that may wait, the largest size whose rate may be the best: the difference is within the standard errors.
void adaptive_batching::rebuild(std::size_t sizes) {
  rebuilt_at_ = costs_.learnt();
  take_.resize(sizes + 1);
  std::size_t best = 0, chosen = 0;
  double best_rate = 0;
  for (std::size_t n = 1; n <= sizes; ++n) {
    const double rate = rows_per_ns(n);
    if (rate > best_rate) {
      best = n;
      best_rate = rate;
    }
    const double margin = std::hypot(costs_.error(n), costs_.error(best));
    if (rate >= (1 - margin) * best_rate) chosen = n;
    take_[n] = static_cast<std::uint32_t>(chosen);
  }
}

}  // namespace catena
