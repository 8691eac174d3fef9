// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/metric_families.hpp>
#include <catena/observe/process.hpp>

#ifdef __linux__
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#endif

namespace catena {

#ifdef __linux__
namespace {

namespace families = metric_families;

/// The fields of /proc/self/stat from the third on; the second is a name that may hold anything.
std::array<unsigned long long, 22> status_numbers() {
  std::array<unsigned long long, 22> numbers{};
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return numbers;
  std::istringstream rest(text.substr(name_end + 1));
  std::string state;
  rest >> state;
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    long long number = 0;
    rest >> number;
    numbers[i] = static_cast<unsigned long long>(number);
  }
  return numbers;
}

double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  return 0;
}

void collect_descriptors(metric_set& to) {
  std::error_code error;
  std::size_t open = 0;
  for (std::filesystem::directory_iterator each("/proc/self/fd", error), end; !error && each != end; each.increment(error)) ++open;
  if (open != 0) to.add(families::process_fds, {}, static_cast<double>(open - 1));  // one is the folder that was read
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) to.add(families::process_max_fds, {}, static_cast<double>(limit.rlim_cur));
}

}  // namespace

void collect_process(metric_set& to) {
  const auto numbers = status_numbers();
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (numbers[20] != 0) {
    to.add(families::process_cpu, {}, static_cast<double>(numbers[11] + numbers[12]) / ticks);
    to.add(families::process_threads, {}, static_cast<double>(numbers[17]));
    to.add(families::process_virtual, {}, static_cast<double>(numbers[20]));
    to.add(families::process_memory, {}, static_cast<double>(numbers[21]) * static_cast<double>(sysconf(_SC_PAGESIZE)));
    to.add(families::process_start, {}, boot_time() + static_cast<double>(numbers[19]) / ticks);
  }
  collect_descriptors(to);
}
#else
void collect_process(metric_set&) {}
#endif

}  // namespace catena
