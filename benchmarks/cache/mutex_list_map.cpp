// SPDX-License-Identifier: BSL-1.0
// The cache that everybody writes: one mutex, a list in the order of use, an unordered_map into it. It hands out shared
// pointers, as catena does, so that nothing is copied under the lock.
#include <list>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include "streams.hpp"
#include "subjects.hpp"

namespace cache_bench {
namespace {

class mutex_list_map final : public contender {
 public:
  explicit mutex_list_map(std::size_t capacity) : capacity_(capacity) { found_.reserve(capacity); }

  std::uint64_t get_all(const request* first, const request* last) override {
    std::uint64_t misses = 0;
    for (; first != last; ++first) {
      handle known = get(first->key);
      if (!known) {
        ++misses;
        known = put(first->key, value{.id = first->id});
      }
      if (known->id != first->id) throw std::runtime_error("mutex_list_map: wrong answer");
    }
    return misses;
  }

  void put_all(const request* first, const request* last) override {
    for (; first != last; ++first) put(first->key, value{.id = first->id});
  }

 private:
  using handle = std::shared_ptr<const value>;
  struct entry {
    std::string key;
    handle held;
  };

  handle get(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto at = found_.find(key);
    if (at == found_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, at->second);
    return at->second->held;
  }

  handle put(const std::string& key, value v) {
    handle held = std::make_shared<const value>(v);
    const std::lock_guard lock(mutex_);
    if (const auto at = found_.find(key); at != found_.end()) {
      at->second->held = held;
      entries_.splice(entries_.begin(), entries_, at->second);
      return held;
    }
    if (entries_.size() >= capacity_) {
      found_.erase(entries_.back().key);
      entries_.pop_back();
    }
    entries_.push_front({key, held});
    found_.emplace(entries_.front().key, entries_.begin());
    return held;
  }

  std::size_t capacity_;
  std::mutex mutex_;
  std::list<entry> entries_;
  std::unordered_map<std::string_view, std::list<entry>::iterator> found_;
};

}  // namespace

void add_mutex_list_map(std::vector<bench::subject>& subjects) {
  add(subjects, "mutex_list_map", [](std::size_t capacity) { return std::make_unique<mutex_list_map>(capacity); });
}

}  // namespace cache_bench
