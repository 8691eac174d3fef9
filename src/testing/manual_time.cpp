// SPDX-License-Identifier: BSL-1.0
#include <catena/testing/manual_time.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace catena::testing {

/// The alarms that exist, in the order in which they were made: those due at one moment are posted in that order.
struct manual_time::alarms {
  std::mutex mutex;
  std::vector<manual_alarm*> all;
};

class manual_time::manual_alarm final : public alarm {
 public:
  manual_alarm(std::shared_ptr<alarms> registry, const manual_time& clock, const boost::asio::any_io_executor& executor,
               std::function<void()> ring)
      : registry_(std::move(registry)), clock_(clock), executor_(executor), ring_(std::make_shared<bell>(std::move(ring))) {
    std::lock_guard lock(registry_->mutex);
    registry_->all.push_back(this);
  }
  ~manual_alarm() override {
    std::lock_guard lock(registry_->mutex);
    std::erase(registry_->all, this);
  }

  void set(time_point when) override {
    std::lock_guard lock(registry_->mutex);
    ++ring_->generation;
    when_ = when;
    if (when_ <= clock_.now()) ring_locked();
  }

  void clear() override {
    std::lock_guard lock(registry_->mutex);
    ++ring_->generation;
    when_ = no_deadline;
  }

 private:
  friend class manual_time;
  /// What a posted callback looks at: gone with its alarm, and of a newer generation once that was set again.
  struct bell {
    explicit bell(std::function<void()> r) : ring(std::move(r)) {}
    std::function<void()> ring;
    std::atomic<std::uint64_t> generation{0};
  };

  void ring_locked() {
    when_ = no_deadline;
    boost::asio::post(executor_, [weak = std::weak_ptr(ring_), generation = ring_->generation.load()] {
      if (const auto live = weak.lock(); live && live->generation == generation) live->ring();
    });
  }

  std::shared_ptr<alarms> registry_;
  const manual_time& clock_;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<bell> ring_;
  time_point when_ = no_deadline;
};

manual_time::manual_time() : alarms_(std::make_shared<alarms>()) {}

std::unique_ptr<alarm> manual_time::make_alarm(const boost::asio::any_io_executor& executor, std::function<void()> ring) {
  return std::make_unique<manual_alarm>(alarms_, *this, executor, std::move(ring));
}

time_point manual_time::next_alarm() const {
  std::lock_guard lock(alarms_->mutex);
  time_point next = no_deadline;
  for (const manual_alarm* alarm : alarms_->all) next = std::min(next, alarm->when_);
  return next;
}

void manual_time::move_to(time_point when) {
  std::lock_guard lock(alarms_->mutex);
  now_.store(std::max(now(), when).time_since_epoch().count(), std::memory_order_release);
  for (manual_alarm* alarm : alarms_->all)
    if (alarm->when_ <= now()) alarm->ring_locked();
}

}  // namespace catena::testing
