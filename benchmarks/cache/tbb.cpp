// SPDX-License-Identifier: BSL-1.0
// oneTBB's concurrent_lru_cache as its documentation says: operator[] finds a value or has it made, and the handle that it
// returns keeps the value in use. It has no put: putting is operator[] as well, which only stores what is not there.
#ifdef CATENA_BENCH_TBB
#define TBB_PREVIEW_CONCURRENT_LRU_CACHE 1
#include <tbb/concurrent_lru_cache.h>

#include <stdexcept>

#include "streams.hpp"
#include "subjects.hpp"

namespace cache_bench {
namespace {

/// What is asked for by the calling thread: the function that makes a value is given nothing but the key.
struct asked {
  std::uint32_t id = 0;
  bool missed = false;
};
thread_local asked current;

value make_value(std::string) {
  current.missed = true;
  return {.id = current.id};
}

class tbb_cache final : public contender {
 public:
  explicit tbb_cache(std::size_t capacity) : cache_(&make_value, capacity) {}

  std::uint64_t get_all(const request* first, const request* last) override {
    std::uint64_t misses = 0;
    for (; first != last; ++first) {
      current = {.id = first->id};
      auto known = cache_[first->key];
      misses += current.missed;
      if (known.value().id != first->id) throw std::runtime_error("tbb: wrong answer");
    }
    return misses;
  }

  void put_all(const request* first, const request* last) override {
    get_all(first, last);
  }

 private:
  tbb::concurrent_lru_cache<std::string, value> cache_;
};

}  // namespace

void add_tbb(std::vector<bench::subject>& subjects) {
  add(subjects, "tbb_concurrent_lru", [](std::size_t capacity) { return std::make_unique<tbb_cache>(capacity); });
}

}  // namespace cache_bench
#endif
