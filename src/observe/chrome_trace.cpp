// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/chrome_trace.hpp>

#include "chrome_events.hpp"

#include <catena/observe/trace_measure.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace catena {
namespace {

constexpr std::string_view end_of_array = "\n]\n";

int opened(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) throw std::system_error(errno, std::generic_category(), "cannot write " + path);
  return file;
}

bool write_all(int file, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

/// The thread takes what waits, and writes it under no lock.
class chrome_trace_file::writer {
 public:
  writer(const std::string& path, const chrome_trace_options& options) : options_(options), file_(opened(path)) {
    try {
      if (!write_all(file_, "[")) throw std::system_error(errno, std::generic_category(), "cannot write " + path);
      stats_.bytes = 1;
      thread_ = std::thread([this] { run(); });
    } catch (...) {
      ::close(file_);
      throw;
    }
  }
  writer(const writer&) = delete;
  writer& operator=(const writer&) = delete;
  ~writer() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
    (void)write_all(file_, end_of_array);  // where it cannot be written no reader minds
    ::close(file_);
  }

  void take(std::shared_ptr<const trace> t) noexcept {
    const std::size_t bytes = approximate_bytes(*t);
    {
      const std::lock_guard lock(mutex_);
      if (!put_locked(std::move(t), bytes)) {
        ++stats_.dropped_waiting;
        return;
      }
    }
    changed_.notify_one();
  }
  [[nodiscard]] chrome_trace_stats stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
  }

 private:
  [[nodiscard]] bool put_locked(std::shared_ptr<const trace> t, std::size_t bytes) noexcept {
    if (waiting_bytes_ + bytes > options_.max_waiting_bytes) return false;
    try {
      waiting_.push_back(std::move(t));
    } catch (...) {
      return false;
    }
    waiting_bytes_ += bytes;
    return true;
  }
  void run() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const auto next = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_bytes_ -= approximate_bytes(*next);
      lock.unlock();
      const auto [counted, bytes] = write(*next);
      lock.lock();
      ++(stats_.*counted);
      stats_.bytes += bytes;
    }
  }

  /// What its outcome is counted as, and how many bytes it took.
  std::pair<std::uint64_t chrome_trace_stats::*, std::uint64_t> write(const trace& t) noexcept {
    if (failed_) return {&chrome_trace_stats::dropped_failed, 0};
    if (full_) return {&chrome_trace_stats::dropped_full, 0};
    std::string text;
    try {
      events_.append(text, t);
    } catch (...) {
      failed_ = true;  // no memory: who knows what it has noted of events that are not there
      return {&chrome_trace_stats::dropped_failed, 0};
    }
    if (bytes_ + text.size() + end_of_array.size() > options_.max_bytes) {
      full_ = true;
      return {&chrome_trace_stats::dropped_full, 0};
    }
    if (!write_all(file_, text)) {
      // What went out of it is taken back, so that what is there can be read.
      failed_ = true;
      if (::ftruncate(file_, static_cast<off_t>(bytes_)) == 0) (void)::lseek(file_, 0, SEEK_END);
      return {&chrome_trace_stats::dropped_failed, 0};
    }
    bytes_ += text.size();
    return {&chrome_trace_stats::written, text.size()};
  }

  const chrome_trace_options options_;
  const int file_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<const trace>> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool stopping_ = false;
  chrome_trace_stats stats_;
  // ---- the thread's ----
  detail::chrome_events events_;
  std::uint64_t bytes_ = 1;
  bool full_ = false;
  bool failed_ = false;
  std::thread thread_;
};

void check(const chrome_trace_options& o) {
  if (o.max_bytes < 4096) throw std::invalid_argument("chrome_trace_options::max_bytes must be 4096 or more, is " + std::to_string(o.max_bytes));
  if (o.max_waiting_bytes < 1) throw std::invalid_argument("chrome_trace_options::max_waiting_bytes must be 1 or more");
}

chrome_trace_file::chrome_trace_file(const std::string& path, const chrome_trace_options& options) {
  check(options);
  writer_ = std::make_unique<writer>(path, options);
}

chrome_trace_file::~chrome_trace_file() = default;

void chrome_trace_file::take(std::shared_ptr<const trace> t) noexcept { writer_->take(std::move(t)); }
chrome_trace_stats chrome_trace_file::stats() const { return writer_->stats(); }

}  // namespace catena
