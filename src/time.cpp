// SPDX-License-Identifier: BSL-1.0
#include <catena/time.hpp>

#include <boost/asio/steady_timer.hpp>

#include <mutex>

namespace catena {
namespace {

/// One asio timer. Setting it again cancels the wait before; a generation tells late completions apart.
class steady_alarm final : public alarm {
 public:
  steady_alarm(const boost::asio::any_io_executor& executor, std::function<void()> ring)
      : state_(std::make_shared<state>(executor, std::move(ring))) {}

  ~steady_alarm() override {
    std::lock_guard lock(state_->mutex);
    state_->alive = false;
    state_->timer.cancel();
  }

  void set(time_point when) override {
    std::lock_guard lock(state_->mutex);
    const auto generation = ++state_->generation;
    state_->timer.expires_at(when);
    state_->timer.async_wait([weak = std::weak_ptr(state_), generation](boost::system::error_code ec) {
      auto self = weak.lock();
      if (ec || !self) return;
      {
        std::lock_guard guard(self->mutex);
        if (!self->alive || self->generation != generation) return;
      }
      self->ring();
    });
  }

  void clear() override {
    std::lock_guard lock(state_->mutex);
    ++state_->generation;
    state_->timer.cancel();
  }

 private:
  struct state {
    state(const boost::asio::any_io_executor& executor, std::function<void()> r) : timer(executor), ring(std::move(r)) {}
    std::mutex mutex;
    boost::asio::steady_timer timer;
    std::function<void()> ring;
    std::uint64_t generation = 0;
    bool alive = true;
  };
  std::shared_ptr<state> state_;
};

class steady_source final : public time_source {
 public:
  time_point now() const noexcept override { return clock::now(); }
  bool is_real() const noexcept override { return true; }
  std::unique_ptr<alarm> make_alarm(const boost::asio::any_io_executor& executor, std::function<void()> ring) override {
    return std::make_unique<steady_alarm>(executor, std::move(ring));
  }
};

}  // namespace

std::shared_ptr<time_source> steady_time() { return std::make_shared<steady_source>(); }

}  // namespace catena
