// SPDX-License-Identifier: BSL-1.0
// Counts what is asked of malloc, and reads and trims what is resident.
#include "harness.hpp"

#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <thread>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BENCH_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BENCH_SANITIZED
#endif

namespace {
std::atomic<bool> counting{false};  // read by every malloc, written twice per count: its cache line stays shared
alignas(64) std::atomic<std::uint64_t> mallocs{0};

inline void count() noexcept {
  if (counting.load(std::memory_order_relaxed)) mallocs.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

#if defined(__GLIBC__) && !defined(BENCH_SANITIZED)
// Interposed, because Asio takes its memory from aligned_alloc, which no replaced operator new would see.
extern "C" {
void* __libc_malloc(std::size_t);                      // NOLINT(bugprone-reserved-identifier): glibc's own name
void* __libc_calloc(std::size_t, std::size_t);         // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void*, std::size_t);              // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(std::size_t, std::size_t);       // NOLINT(bugprone-reserved-identifier)
void* malloc(std::size_t n) noexcept { return count(), __libc_malloc(n); }
void* calloc(std::size_t n, std::size_t size) noexcept { return count(), __libc_calloc(n, size); }
void* realloc(void* p, std::size_t n) noexcept { return count(), __libc_realloc(p, n); }
void* aligned_alloc(std::size_t align, std::size_t n) noexcept { return count(), __libc_memalign(align, n); }
int posix_memalign(void** out, std::size_t align, std::size_t n) noexcept {
  count();
  void* p = __libc_memalign(align, n);
  if (!p) return ENOMEM;
  *out = p;
  return 0;
}
}
bool bench::counts_mallocs() noexcept { return true; }
#else
bool bench::counts_mallocs() noexcept { return false; }
#endif

namespace bench {

malloc_count::malloc_count() noexcept {
  mallocs = 0;
  counting = true;
}
malloc_count::~malloc_count() { counting = false; }
std::uint64_t malloc_count::so_far() const noexcept { return mallocs; }

std::size_t resident_bytes() {
  std::size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void trim_memory() {
#ifdef __GLIBC__
  // malloc_trim leaves the top of the threads' arenas alone: a large block freed there gives it back. New threads take over
  // the arenas of ended ones, each another one as long as they live side by side.
  constexpr int arenas = 4;
  std::barrier together(arenas);
  std::vector<std::thread> threads;
  for (int i = 0; i < arenas; ++i)
    threads.emplace_back([&] {
      void* block = std::malloc(100'000);
      keep(block);
      together.arrive_and_wait();
      std::free(block);
      together.arrive_and_wait();
    });
  for (std::thread& thread : threads) thread.join();
  malloc_trim(0);
#endif
}

}  // namespace bench
