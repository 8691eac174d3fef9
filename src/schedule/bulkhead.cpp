// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/metric_families.hpp>
#include <catena/schedule/bulkhead.hpp>

#include <stdexcept>
#include <string>

namespace catena {

void check(const bulkhead_options& options) {
  if (options.places < 1) throw std::invalid_argument("a bulkhead must have at least 1 place");
}

bulkhead::bulkhead(std::size_t places) {
  check(bulkhead_options{places});
  shared_ = std::make_shared<shared>(places);
}

void bulkhead::set_places(std::size_t places) const {
  check(bulkhead_options{places});
  shared_->places.store(places, std::memory_order_relaxed);
}

std::vector<tunable_place> bulkhead::tunables() const {
  auto what = std::make_shared<tunable>(tunable_of(shared_.get(), shared_->original));
  what->tune = [self = *this](const void* options) { self.set_places(static_cast<const bulkhead_options*>(options)->places); };
  return {{{"bulkhead"}, std::move(what)}};
}

failure bulkhead::passage::why() const {
  return failure(errc::queue_full, "all " + std::to_string(shared_->places.load(std::memory_order_relaxed)) + " places of its bulkhead are taken");
}

void bulkhead::measure::collect(metric_set& to, std::string_view chain, std::string_view stage) const {
  const auto tell = [&](const metric_family& family, std::uint64_t value) { to.add(family, {{"chain", chain}, {"stage", stage}}, static_cast<double>(value)); };
  tell(metric_families::bulkhead_places, shared_->places.load(std::memory_order_relaxed));
  tell(metric_families::bulkhead_taken, shared_->taken.load(std::memory_order_relaxed));
  tell(metric_families::bulkhead_refused, refused_.load(std::memory_order_relaxed));
}

}  // namespace catena
