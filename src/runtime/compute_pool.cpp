// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/compute_pool.hpp>

#include <boost/asio/post.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace catena {
namespace {

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
  std::mutex mutex;
  std::condition_variable work;
  compute_job* first = nullptr;
  compute_job* last = nullptr;
  std::size_t thread_count = 0;
  boost::asio::any_io_executor instead;
  std::vector<std::thread> threads;
  bool stopping = false;

  void run_jobs() {
    std::unique_lock lock(mutex);
    for (;;) {
      work.wait(lock, [&] { return first || stopping; });
      if (!first) return;
      compute_job* job = first;
      first = job->next;
      if (!first) last = nullptr;
      lock.unlock();
      job->run(*job);
      lock.lock();
    }
  }
};

compute_pool::compute_pool(std::size_t thread_count, const boost::asio::any_io_executor* instead)
    : state_(std::make_shared<state>()) {
  state_->thread_count = thread_count;
  if (instead) state_->instead = *instead;
}

compute_pool::~compute_pool() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work.notify_all();
  for (auto& thread : state_->threads) {
    // The last handle on a runtime may die on one of its own threads; that one then ends by itself.
    if (thread.get_id() == std::this_thread::get_id()) thread.detach();
    else thread.join();
  }
}

std::size_t compute_pool::thread_count() const noexcept { return state_->thread_count; }

void compute_pool::submit(compute_job& job) {
  if (state_->instead) return boost::asio::post(state_->instead, job_turn(job));
  std::lock_guard lock(state_->mutex);
  if (state_->threads.size() < state_->thread_count)
    state_->threads.emplace_back([state = state_] { state->run_jobs(); });
  job.next = nullptr;
  (state_->last ? state_->last->next : state_->first) = &job;
  state_->last = &job;
  state_->work.notify_one();
}

}  // namespace catena
