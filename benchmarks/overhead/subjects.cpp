// SPDX-License-Identifier: BSL-1.0
#include "subjects.hpp"

#include <sched.h>

#include <memory>
#include <utility>

#include "support/usage.hpp"

namespace overhead {
namespace {

/// Places this thread, and gives it back where it was.
class placed {
 public:
  explicit placed(placement where) {
    sched_getaffinity(0, sizeof before_, &before_);
    if (where == placement::free) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &before_)) {
        CPU_SET(cpu, &one);
        break;
      }
    sched_setaffinity(0, sizeof one, &one);
  }
  ~placed() { sched_setaffinity(0, sizeof before_, &before_); }
  placed(const placed&) = delete;
  placed& operator=(const placed&) = delete;

 private:
  cpu_set_t before_{};
};

std::vector<bench::reading> measure(const sender& send, std::int64_t count) {
  const bench::usage used;
  send(count);
  const auto [seconds, cpu_seconds, switches] = used.so_far();
  const auto requests = static_cast<double>(count);
  std::vector<bench::reading> readings{{"us_per_request", seconds * 1e6 / requests},
                                       {"requests_per_s", requests / seconds},
                                       {"cpu_us_per_request", cpu_seconds * 1e6 / requests},
                                       {"context_switches_per_request", switches / requests}};
  if (bench::counts_mallocs()) {
    const bench::malloc_count counted;
    send(count);
    readings.push_back({"mallocs_per_request", static_cast<double>(counted.so_far()) / requests});
  }
  return readings;
}

}  // namespace

void add(std::vector<bench::subject>& subjects, std::string case_name, std::string name, placement where, std::function<sender()> make) {
  if (where == placement::pinned) case_name += "_pinned";
  subjects.push_back({std::move(case_name), std::move(name), [where, make = std::move(make)](const bench::options& opts) -> bench::repetition {
    return [where, make, repetition_s = opts.size(0.1, 0.003)] {
      // A world of its own for each repetition: threads that spin must not be there while others are measured.
      const placed here(where);
      const sender send = make();
      std::int64_t count = 64;
      for (double seconds = 0; seconds < repetition_s / 4; count *= 2) {
        const bench::usage used;
        send(count);
        seconds = used.so_far().seconds;
      }
      return measure(send, 2 * count);
    };
  }});
}

}  // namespace overhead
