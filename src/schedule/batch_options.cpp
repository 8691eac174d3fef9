// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/batch_options.hpp>

#include <stdexcept>
#include <string>

namespace catena {
namespace {

void check_count(const char* member, std::size_t value, std::size_t least, std::size_t most) {
  if (value < least || value > most)
    throw std::invalid_argument("batch_options::" + std::string(member) + " must be " + std::to_string(least) + " to " +
                                std::to_string(most) + ", is " + std::to_string(value));
}

}  // namespace

void check(const batch_options& options) {
  check_count("max_size", options.max_size, 1, 65'536);
  check_count("queue_capacity", options.queue_capacity, 1, 16'777'216);
  if (options.max_delay < duration{} || options.max_delay > std::chrono::hours(1))
    throw std::invalid_argument("batch_options::max_delay must be 0 to 1 hour");
}

}  // namespace catena
