// SPDX-License-Identifier: BSL-1.0
#include <catena/graph/need.hpp>

#include <mutex>
#include <utility>

namespace catena::graph {
namespace {

/// Tells somebody when several have been told; the first failure is the outcome.
class gathering {
 public:
  gathering(std::shared_ptr<arrival> to_tell, std::size_t missing) : to_tell_(std::move(to_tell)), missing_(missing) {}

  void told(result<void> outcome) {
    std::unique_lock lock(mutex_);
    if (!outcome && outcome_) outcome_ = std::move(outcome);
    if (--missing_ != 0) return;
    lock.unlock();
    to_tell_->told(std::move(outcome_));
  }
  [[nodiscard]] bool still_waits() const noexcept { return to_tell_->still_waits(); }

 private:
  const std::shared_ptr<arrival> to_tell_;
  std::mutex mutex_;
  std::size_t missing_;
  result<void> outcome_{};
};

class part_of_gathering final : public arrival {
 public:
  part_of_gathering(std::shared_ptr<gathering> whole, std::shared_ptr<need> of) : whole_(std::move(whole)), of_(std::move(of)) {}
  void told(result<void> outcome) override {
    if (outcome) whole_->told({});
    else whole_->told(outcome.error().within(of_->name()));
  }
  [[nodiscard]] bool still_waits() const noexcept override { return whole_->still_waits(); }

 private:
  std::shared_ptr<gathering> whole_;
  std::shared_ptr<need> of_;
};

}  // namespace

void bring_all(std::vector<std::shared_ptr<need>> needs, std::shared_ptr<arrival> to_tell) {
  if (needs.empty()) return to_tell->told({});
  const auto whole = std::make_shared<gathering>(std::move(to_tell), needs.size());
  for (const auto& n : needs) n->bring(std::make_shared<part_of_gathering>(whole, n));
}

}  // namespace catena::graph
