// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is said about a model when it is made, and what it says about itself while it works.
#include <catena/schedule/batch_options.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace catena {

struct model_options {
  std::string name = {};      ///< in errors, paths and logs; not empty, without '/'
  std::string version = "1";  ///< which of the models of this name it is; not empty
  batch_options batch = {};   ///< how requests are queued and joined
  std::size_t instances = 1;  ///< how many batches may be computed at once, 1 to 1024
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const model_options& options);

/// A snapshot.
struct model_stats {
  std::uint64_t batch_count = 0;    ///< batches handed to an instance
  std::uint64_t row_count = 0;      ///< requests in those batches
  std::uint64_t refused_count = 0;  ///< requests that found the queue full
  std::uint64_t expired_count = 0;  ///< requests whose deadline had passed when their batch was formed
  std::size_t queue_depth = 0;      ///< requests that wait now

  [[nodiscard]] double mean_batch_size() const noexcept {
    return batch_count == 0 ? 0.0 : static_cast<double>(row_count) / static_cast<double>(batch_count);
  }
};

}  // namespace catena
