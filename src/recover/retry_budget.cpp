// SPDX-License-Identifier: BSL-1.0
#include <catena/recover/retry_budget.hpp>

#include <algorithm>
#include <stdexcept>

namespace catena {

void check(const retry_budget_options& o) {
  if (!(o.share >= 0 && o.share <= 10)) throw std::invalid_argument("retry_budget_options::share must be 0 to 10");
  if (!(o.per_second >= 0 && o.per_second <= 1e6)) throw std::invalid_argument("retry_budget_options::per_second must be 0 to 1000000");
}

retry_allowance::retry_allowance(const retry_budget_options& options) : options_(options) { check(options); }

void retry_allowance::set_options(const retry_budget_options& options) {
  check(options);
  options_ = options;
}

retry_allowance::slot& retry_allowance::slot_of(time_point now) noexcept {
  const std::int64_t number = now.time_since_epoch() / slot_length;
  const std::int64_t from = std::max(current_, number - static_cast<std::int64_t>(slot_count));
  for (std::int64_t n = from + 1; n <= number; ++n) {
    slot& s = slots_[static_cast<std::size_t>(n) % slot_count];
    sum_.ordinary -= s.ordinary;
    sum_.extra -= s.extra;
    s = {};
  }
  current_ = std::max(current_, number);  // another thread may have read the clock later
  return slots_[static_cast<std::size_t>(current_) % slot_count];
}

void retry_allowance::began(time_point now) noexcept {
  ++slot_of(now).ordinary;
  ++sum_.ordinary;
}

bool retry_allowance::has_room(time_point now) noexcept {
  static_cast<void>(slot_of(now));
  const slot& oldest = slots_[static_cast<std::size_t>(current_ + 1) % slot_count];
  return sum_.extra + 1 <= options_.share * (sum_.ordinary - oldest.ordinary) + options_.per_second;
}

bool retry_allowance::try_extra(time_point now) noexcept {
  if (!has_room(now)) return false;
  ++slot_of(now).extra;
  ++sum_.extra;
  return true;
}

std::shared_ptr<const tunable> retry_budget::tuning() const {
  auto what = std::make_shared<tunable>(tunable_of(shared_.get(), shared_->original));
  what->tune = [self = *this](const void* options) { self.set_options(*static_cast<const retry_budget_options*>(options)); };
  return what;
}

}  // namespace catena
