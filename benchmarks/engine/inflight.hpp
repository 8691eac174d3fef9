// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The case inflight100k: what a run costs while it waits, and how fast 100 000 of them drain through two threads.
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <latch>
#include <string>
#include <vector>

#include "support/harness.hpp"

namespace engine {

/// Every run has this many stages; a stage is one hop through the pool, then + 1.
inline constexpr int inflight_stages = 8;

/// Where every run ends, exactly once.
class finish_line {
 public:
  explicit finish_line(std::int64_t runs) : left_(runs) {}
  /// \param result  of a run: the number of its stages, as its input is 0
  void arrive(std::int64_t result) noexcept {
    if (result != inflight_stages) wrong_.store(true, std::memory_order_relaxed);
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) all_.count_down();
  }
  void wait() const { all_.wait(); }
  [[nodiscard]] bool wrong() const noexcept { return wrong_; }

 private:
  std::atomic<std::int64_t> left_;
  std::atomic<bool> wrong_ = false;
  std::latch all_{1};
};

/// Starts one run with the input 0, on a thread of the pool.
using start_run = std::function<void()>;

/// Adds the subject `name` to inflight100k. `make` is called once per repetition, untimed, with a new pool; what it needs lives in
/// the function that it returns, until all runs have ended and the pool has joined. It must not end with the pool: do not keep work.
///
/// A repetition starts from trimmed memory. One thread of the pool is held at the gate; the other starts all runs, which go as far
/// as their first hop, and is held as well: then memory is read (bytes_per_run), and both threads are let go. runs_per_s counts
/// starting and draining, not the pause.
void add_inflight(std::vector<bench::subject>& subjects, const std::string& name,
                  std::function<start_run(boost::asio::thread_pool&, finish_line&)> make);

}  // namespace engine
