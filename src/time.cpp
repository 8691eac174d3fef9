// SPDX-License-Identifier: BSL-1.0
#include <catena/time.hpp>

#include <boost/asio/post.hpp>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>

namespace catena {
namespace {

/// A thread that sleeps until the moment. It is not woken for a moment later than the one it sleeps for, nor by clear(): it
/// wakes then, finds nothing due, and sleeps again. So an alarm that is set and cleared for every request makes no system
/// call, where an Asio timer makes several, and brings a reactor into an io_context, which every turn of its loop then polls.
class steady_alarm final : public alarm {
 public:
  steady_alarm(const boost::asio::any_io_executor& executor, std::function<void()> ring)
      : state_(std::make_shared<state>(executor, std::move(ring))), thread_([s = state_] { s->sleep(); }) {}

  /// Once it has returned, the executor may be destroyed.
  ~steady_alarm() override {
    {
      std::lock_guard lock(state_->mutex);
      state_->alive = false;
      ++state_->generation;
    }
    state_->changed.notify_one();
    // An executor that runs what is posted at once may bring the last owner here.
    if (thread_.get_id() == std::this_thread::get_id()) thread_.detach();
    else thread_.join();
  }

  void set(time_point when) override {
    std::lock_guard lock(state_->mutex);
    ++state_->generation;
    state_->when = when;
    if (when < state_->sleeps_until) state_->changed.notify_one();
  }

  void clear() override {
    std::lock_guard lock(state_->mutex);
    ++state_->generation;
    state_->when = no_deadline;
  }

 private:
  struct state : std::enable_shared_from_this<state> {
    state(boost::asio::any_io_executor e, std::function<void()> r) : executor(std::move(e)), ring(std::move(r)) {}

    void sleep() {
      std::unique_lock lock(mutex);
      while (alive) {
        sleeps_until = when;
        if (when == no_deadline) {
          changed.wait(lock);
        } else if (clock::now() < when) {
          changed.wait_until(lock, when);
        } else {
          when = no_deadline;
          // Under the lock, which the destructor takes too: the executor is still there.
          boost::asio::post(executor, [weak = weak_from_this(), rung = generation] {
            if (auto self = weak.lock(); self && self->still_at(rung)) self->ring();
          });
        }
      }
    }
    bool still_at(std::uint64_t rung) {
      std::lock_guard lock(mutex);
      return generation == rung;
    }

    const boost::asio::any_io_executor executor;
    const std::function<void()> ring;
    std::mutex mutex;
    std::condition_variable changed;
    time_point when = no_deadline;
    time_point sleeps_until = no_deadline;
    std::uint64_t generation = 0;  ///< tells a ring on its way that it is too late
    bool alive = true;
  };
  std::shared_ptr<state> state_;
  std::thread thread_;
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

std::string detail::in_words(duration d) {
  using namespace std::chrono;
  return d < 1ms ? std::to_string(ceil<microseconds>(d).count()) + " us" : std::to_string(ceil<milliseconds>(d).count()) + " ms";
}

std::shared_ptr<time_source> steady_time() { return std::make_shared<steady_source>(); }

}  // namespace catena
