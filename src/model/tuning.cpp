// SPDX-License-Identifier: BSL-1.0
// What can be changed of a model while it serves.
#include <catena/model/batcher.hpp>

#include <stdexcept>
#include <string>

namespace catena::detail {

template <class Options>
void batcher::set_options(const Options& options) noexcept {
  compute_job* jobs = nullptr;
  {
    const std::lock_guard lock(mutex_);
    bounds by_now = bounds_.load();
    by_now.set(options);
    bounds_.store(by_now);
    former_.set_options(options);
    if (!closed_) jobs = schedule_locked(look_at_clock_locked());
  }
  submit_jobs(jobs);
}

void batcher::announce() {
  const std::weak_ptr<batcher> self = weak_from_this();
  const auto tuning = [&](const auto& original) {
    using options = std::remove_cvref_t<decltype(original)>;
    tunable what = tunable_of(this, original);
    what.tune = [self](const void* given) {
      if (const auto pinned = self.lock()) pinned->set_options(*static_cast<const options*>(given));
    };
    return what;
  };
  tunable batch = tuning(options_.batch), queue = tuning(options_.queue);
  batch.expect = [most = options_.batch.max_size](const void* given) {
    if (static_cast<const batch_options*>(given)->max_size > most)
      throw std::invalid_argument("batch_options::max_size must be at most " + std::to_string(most) + ", for which its instances have room");
  };
  queue.expect = [knows_bytes = measures()](const void* given) {
    if (!knows_bytes && static_cast<const request_queue_options*>(given)->max_bytes != 0)
      throw std::invalid_argument("request_queue_options::max_bytes must be 0, since its requests are not measured");
  };
  auto site = std::make_shared<tunable_site>();
  site->parts.push_back({tunable_site::kind::model,
                         name(),
                         {{{"batch"}, std::make_shared<const tunable>(std::move(batch))}, {{"queue"}, std::make_shared<const tunable>(std::move(queue))}}});
  announced_ = site;
  runtime_->tunables.add(site);
  runtime_->sources.add(weak_from_this());
  runtime_->models.add(weak_from_this());
}

}  // namespace catena::detail
