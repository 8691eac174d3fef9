// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A manual world's time that does something, once, when it is read next.
#include <catena/testing/manual_time.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace catena::test {

/// Reading the clock is the last thing that happens before a stage begins, and before a request enters its queue: what a
/// test does there comes too late to be seen by whoever looked before, as if another thread had done it.
class noticing_time final : public time_source {
 public:
  explicit noticing_time(std::shared_ptr<testing::manual_time> of) : of_(std::move(of)) {}

  void at_next_reading(std::function<void()> then) { then_ = std::move(then); }

  [[nodiscard]] time_point now() const noexcept override {
    if (then_) std::exchange(then_, {})();
    return of_->now();
  }
  [[nodiscard]] bool is_real() const noexcept override { return of_->is_real(); }
  [[nodiscard]] std::unique_ptr<alarm> make_alarm(const boost::asio::any_io_executor& executor,
                                                  std::function<void()> ring) override {
    return of_->make_alarm(executor, std::move(ring));
  }

 private:
  std::shared_ptr<testing::manual_time> of_;
  mutable std::function<void()> then_;
};

}  // namespace catena::test
