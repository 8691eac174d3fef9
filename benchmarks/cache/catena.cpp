// SPDX-License-Identifier: BSL-1.0
// catena::cache as a service would use it: string keys, hashed for every look-up, in a space of one model and version.
#include <catena/cache.hpp>

#include <boost/asio/io_context.hpp>

#include <stdexcept>

#include "streams.hpp"
#include "subjects.hpp"

namespace cache_bench {
namespace {

class catena_cache final : public contender {
 public:
  catena_cache(std::size_t capacity, catena::eviction_policy policy)
      : cache_(catena::runtime(context_.get_executor()), {.capacity_count = capacity, .capacity_bytes = 0, .eviction = policy}) {}

  std::uint64_t get_all(const request* first, const request* last) override {
    std::uint64_t misses = 0;
    for (; first != last; ++first) {
      const catena::cache_key key = space_.key(first->key);
      auto known = cache_.get(key);
      if (!known) {
        ++misses;
        known = cache_.put(key, value{.id = first->id});
      }
      if (known->id != first->id) throw std::runtime_error("catena: wrong answer");
    }
    return misses;
  }

  void put_all(const request* first, const request* last) override {
    for (; first != last; ++first) cache_.put(space_.key(first->key), value{.id = first->id});
  }

 private:
  boost::asio::io_context context_{1};
  catena::key_space space_{"model", "1"};
  catena::cache<value> cache_;
};

}  // namespace

void add_catena(std::vector<bench::subject>& subjects) {
  using policy = catena::eviction_policy;
  add(subjects, "catena_lru", [](std::size_t capacity) { return std::make_unique<catena_cache>(capacity, policy::lru); });
  add(subjects, "catena_s3fifo", [](std::size_t capacity) { return std::make_unique<catena_cache>(capacity, policy::s3_fifo); });
}

}  // namespace cache_bench
