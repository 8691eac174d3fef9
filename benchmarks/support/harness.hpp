// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Runs the subjects of a benchmark beside each other and reports median, minimum and maximum of every metric, and the 95 %
/// bootstrap interval of the median.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// What the command line asked for.
struct options {
  bool quick = false;    ///< a smoke run of seconds; its numbers mean nothing
  int repetitions = 0;   ///< of every subject, interleaved
  std::string only_case;     ///< run this case only; empty: all
  std::string only_subject;  ///< run this subject only; empty: all
  std::string json;          ///< write the results here; empty: nowhere
  std::string device;        ///< compute there; empty: the benchmark has no device_need

  /// The full size, or a small one when quick.
  template <typename T>
  [[nodiscard]] T size(T full, T small) const {
    return quick ? small : full;
  }
};

/// What a repetition measured. With samples, the metric is their quantile: `median` is that of the samples of all repetitions
/// together, minimum and maximum are those of single repetitions.
///
/// An infinite value says that there is none because the subject did not keep up: the row is printed as overloaded, and not
/// written.
struct reading {
  std::string metric;
  double value;
  std::vector<double> samples = {};  ///< in the order in which they came
  double quantile = 0;
};

/// The reading of one quantile of the samples.
[[nodiscard]] reading quantile_reading(std::string metric, double q, std::vector<double> samples);

/// Does the work once and says what it cost.
using repetition = std::function<std::vector<reading>()>;

/// One contender in one case. `make` prepares it, untimed; what it returns is called to warm up and then
/// once per repetition, in turns with the case's other subjects; nothing, where the subject cannot run here and has said so. A wrong
/// answer is an exception.
struct subject {
  std::string case_name;
  std::string name;
  std::function<repetition(const options&)> make;
};

/// How often a benchmark runs each of its subjects.
struct counts {
  int repetitions = 9;        ///< unless the command line says how many
  int quick_repetitions = 3;
  int warm_ups = 1;           ///< unmeasured, before the repetitions; 0: each repetition warms up by itself
};

/// What a benchmark needs that not every machine has. Its command line then has --device, and where there is no such device the
/// program says so in one line, and has no results.
struct device_need {
  std::string usual = {};  ///< unless the command line names another one; empty: it needs none
  std::function<bool(const std::string& device)> is_there = {};
};

/// The whole program of a benchmark: parses the command line, runs, prints, writes; returns main's exit status.
int run(const std::string& benchmark, const std::vector<subject>& subjects, int argc, char** argv, const counts& how_often = {},
        const device_need& needs = {});

/// Makes the optimiser believe that the value is used.
template <typename T>
inline void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

/// Nanoseconds that f() takes.
template <typename F>
double time_ns(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  std::forward<F>(f)();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
}

/// Whether this build can count mallocs: glibc, and no sanitizer that owns malloc.
[[nodiscard]] bool counts_mallocs() noexcept;

/// How often f() asked the C library for memory, on all threads: malloc, calloc, realloc, aligned_alloc and posix_memalign,
/// hence operator new and Asio's recycled blocks when they are not recycled. Memory that a library maps by itself is not
/// seen: oneTBB's own allocator is such a library, where it is installed.
class malloc_count {
 public:
  malloc_count() noexcept;
  ~malloc_count();
  malloc_count(const malloc_count&) = delete;
  malloc_count& operator=(const malloc_count&) = delete;
  [[nodiscard]] std::uint64_t so_far() const noexcept;
};

/// Resident memory of this process, from /proc/self/statm.
[[nodiscard]] std::size_t resident_bytes();

/// Gives the free memory of all malloc arenas back to the system, so that growth can be measured again.
/// Call it when the threads that used the memory have ended.
void trim_memory();

}  // namespace bench
