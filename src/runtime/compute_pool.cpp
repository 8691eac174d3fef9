// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/brief_mutex.hpp>
#include <catena/runtime/compute_pool.hpp>
#include <catena/runtime/parking_place.hpp>
#include <catena/runtime/spin_lock.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#ifdef __linux__
#include <sched.h>
#include <sys/resource.h>
#endif

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace catena {
namespace {

/// How many cores this thread may run on, and so those that it starts.
std::size_t usable_core_count() noexcept {
#ifdef __linux__
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return static_cast<std::size_t>(std::max(CPU_COUNT(&cores), 1));
#endif
  return std::max(std::thread::hardware_concurrency(), 1U);
}

/// Of the calling thread; where that cannot be, it stays as it is.
void leave_cores_to_others() noexcept {
#ifdef __linux__
  const sched_param none{};
  (void)sched_setscheduler(0, SCHED_BATCH, &none);
  (void)setpriority(PRIO_PROCESS, 0, 10);  // on Linux of this thread alone
#endif
}

/// A job's turn on an executor. When that is destroyed before, the job runs all the same, and ends what it holds.
class job_turn {
 public:
  explicit job_turn(compute_job& job) noexcept : job_(&job) {}
  job_turn(job_turn&& other) noexcept : job_(std::exchange(other.job_, nullptr)) {}
  job_turn& operator=(job_turn&&) = delete;
  ~job_turn() {
    if (job_) job_->run(*job_);
  }
  void operator()() {
    compute_job& job = *std::exchange(job_, nullptr);
    job.run(job);
  }

 private:
  compute_job* job_;
};

}  // namespace

struct compute_pool::state {
  state(std::size_t threads_wanted, duration spin_for, thread_urgency u)
      : thread_count(threads_wanted), urgency(u), spin(spin_for), max_spinners(usable_core_count() - 1) {}

  const std::size_t thread_count;
  const thread_urgency urgency;
  const duration spin;
  const std::size_t max_spinners;
  boost::asio::any_io_executor instead;

  brief_mutex mutex;
  parking_place asleep;
  compute_job* first = nullptr;
  compute_job* last = nullptr;
  std::atomic<std::size_t> queued{0};  ///< changes under the lock, is watched without it
  std::size_t sleepers = 0;
  std::size_t spinners = 0;
  std::vector<std::thread> threads;
  std::atomic<bool> stopping{false};

  void run_jobs() {
    if (urgency == thread_urgency::background) leave_cores_to_others();
    std::unique_lock lock(mutex);
    for (;;) {
      if (compute_job* job = pop_locked()) {
        lock.unlock();
        job->run(*job);
        lock.lock();
      } else if (stopping) {
        return;
      } else if (!look_for_work(lock)) {
        ++sleepers;
        const auto since = asleep.take_ticket();
        lock.unlock();
        asleep.sleep(since);
        lock.lock();
        --sleepers;
      }
    }
  }

  /// Spins for a while without the lock; false if nothing came, or if enough others spin.
  [[nodiscard]] bool look_for_work(std::unique_lock<brief_mutex>& lock) {
    if (spin == duration{} || spinners >= max_spinners) return false;
    ++spinners;
    lock.unlock();
    const time_point until = clock::now() + spin;
    do {
      for (int looks = 0; looks < 16 && !has_work(); ++looks) spin_pause();  // a look is far cheaper than the clock
    } while (!has_work() && clock::now() < until);
    lock.lock();
    --spinners;
    return first || stopping;
  }

  [[nodiscard]] bool has_work() const noexcept {
    return queued.load(std::memory_order_relaxed) != 0 || stopping.load(std::memory_order_relaxed);
  }

  [[nodiscard]] compute_job* pop_locked() noexcept {
    compute_job* job = first;
    if (!job) return nullptr;
    first = job->next;
    if (!first) last = nullptr;
    queued.store(queued.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    return job;
  }

  /// True if a sleeping thread must be woken for it: one that spins finds it by itself.
  [[nodiscard]] bool push_locked(compute_job& job) noexcept {
    job.next = nullptr;
    (last ? last->next : first) = &job;
    last = &job;
    const std::size_t waiting = queued.load(std::memory_order_relaxed) + 1;
    queued.store(waiting, std::memory_order_relaxed);
    return sleepers != 0 && waiting > spinners;
  }
};

compute_pool::compute_pool(std::size_t thread_count, duration spin, const boost::asio::any_io_executor* instead,
                           thread_urgency urgency)
    : state_(std::make_shared<state>(thread_count, spin, urgency)) {
  if (instead) state_->instead = *instead;
}

compute_pool::~compute_pool() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->asleep.wake_all();
  for (auto& thread : state_->threads) {
    // The last handle on a runtime may die on one of its own threads; that one then ends by itself.
    if (thread.get_id() == std::this_thread::get_id()) thread.detach();
    else thread.join();
  }
}

std::size_t compute_pool::thread_count() const noexcept { return state_->thread_count; }

void compute_pool::submit(compute_job& job) {
  if (state_->instead) return boost::asio::post(state_->instead, job_turn(job));
  std::unique_lock lock(state_->mutex);
  if (state_->threads.size() < state_->thread_count)
    state_->threads.emplace_back([state = state_] { state->run_jobs(); });
  const auto woken = state_->push_locked(job) ? state_ : nullptr;
  lock.unlock();
  // Another thread may have run the job by now, and this pool be gone.
  if (woken) woken->asleep.wake_one();
}

}  // namespace catena
