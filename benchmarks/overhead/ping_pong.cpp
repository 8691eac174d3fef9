// SPDX-License-Identifier: BSL-1.0
// The floor for one request at a time: a number handed to another thread and back through bare futexes.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <thread>

#include "subjects.hpp"

namespace overhead {
namespace {

/// One place for one number, empty or full.
class mailbox {
 public:
  void put(std::int64_t value) {
    value_ = value;
    full_.store(1, std::memory_order_release);
    syscall(SYS_futex, &full_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  [[nodiscard]] std::int64_t take() {
    while (full_.load(std::memory_order_acquire) == 0) syscall(SYS_futex, &full_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    full_.store(0, std::memory_order_relaxed);
    return value_;
  }

 private:
  std::atomic<std::uint32_t> full_{0};
  std::int64_t value_ = 0;
};

class echo {
 public:
  echo() : thread_([this] {
      for (std::int64_t x = there_.take(); x >= 0; x = there_.take()) back_.put(x + 1);
    }) {}
  ~echo() {
    there_.put(-1);
    thread_.join();
  }
  echo(const echo&) = delete;
  echo& operator=(const echo&) = delete;

  void send(std::int64_t count) {
    for (std::int64_t x = 0; x < count; ++x) {
      there_.put(x);
      if (back_.take() != x + 1) throw std::runtime_error("ping_pong: wrong answer");
    }
  }

 private:
  mailbox there_, back_;
  std::thread thread_;
};

}  // namespace

void add_ping_pong(std::vector<bench::subject>& subjects) {
  for (const auto where : {placement::free, placement::pinned})
    add(subjects, "noop_1", "ping_pong", where, []() -> sender {
      return [e = std::make_shared<echo>()](std::int64_t count) { e->send(count); };
    });
}

}  // namespace overhead
