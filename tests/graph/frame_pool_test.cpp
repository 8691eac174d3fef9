// SPDX-License-Identifier: BSL-1.0
#include <catena/graph/frame_pool.hpp>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using catena::graph::frame_pool;

}  // namespace

TEST_CASE("a frame pool gives back the block that was freed last") {
  frame_pool pool;
  void* first = pool.allocate(200);
  void* second = pool.allocate(200);
  CHECK(first != second);
  pool.deallocate(first, 200);
  CHECK(pool.allocate(200) == first);
  pool.deallocate(first, 200);
  pool.deallocate(second, 200);
}

TEST_CASE("a frame pool keeps blocks of its first size only") {
  frame_pool pool;
  void* usual = pool.allocate(100);
  void* larger = pool.allocate(300);
  std::memset(larger, 1, 300);
  pool.deallocate(larger, 300);
  pool.deallocate(usual, 100);
  void* again = pool.allocate(300);
  CHECK(again != usual);
  std::memset(again, 1, 300);
  pool.deallocate(again, 300);
}

TEST_CASE("a frame pool keeps no more than its bounds, in blocks and in bytes") {
  for (const std::size_t size : {std::size_t{64}, std::size_t{100'000}, std::size_t{4} << 20}) {
    frame_pool pool;
    std::vector<void*> blocks;
    for (int i = 0; i < 300; ++i) blocks.push_back(pool.allocate(size));
    for (void* block : blocks) pool.deallocate(block, size);
    // Leaks and double frees would show under ASan; the bound itself is the pool's documented constant.
    std::set<void*> kept;
    for (std::size_t i = 0; i < frame_pool::max_kept; ++i) kept.insert(pool.allocate(size));
    CHECK(kept.size() == frame_pool::max_kept);
    for (void* block : kept) pool.deallocate(block, size);
  }
}

TEST_CASE("two threads never hold the same frame", "[concurrency]") {
  frame_pool pool;
  auto churn = [&](unsigned char mark) {
    for (int i = 0; i < 20'000; ++i) {
      auto* block = static_cast<unsigned char*>(pool.allocate(128));
      std::memset(block, mark, 128);
      for (int k = 0; k < 128; k += 31)
        if (block[k] != mark) FAIL("shared frame");
      pool.deallocate(block, 128);
    }
  };
  std::thread other([&] { churn(1); });
  churn(2);
  other.join();
}
