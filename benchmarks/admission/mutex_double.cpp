// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <chrono>
#include <mutex>

#include "asking.hpp"
#include "subjects.hpp"

namespace admission {
namespace {

class mutex_double {
 public:
  explicit mutex_double(double tokens_per_second) : rate_(tokens_per_second / 1e9) {}

  bool try_take(double cost) {
    const auto now = std::chrono::steady_clock::now();
    std::lock_guard lock(mutex_);
    if (now > last_) {
      tokens_ = std::min(static_cast<double>(capacity), tokens_ + static_cast<double>((now - last_).count()) * rate_);
      last_ = now;
    }
    if (tokens_ < cost) return false;
    tokens_ -= cost;
    return true;
  }

 private:
  const double rate_;
  std::mutex mutex_;
  double tokens_ = capacity;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

void add_mutex_double(std::vector<bench::subject>& subjects) {
  add(subjects, "mutex_double", [](double tokens_per_second) {
    return [bucket = std::make_shared<mutex_double>(tokens_per_second)] { return bucket->try_take(1); };
  });
}

}  // namespace admission
