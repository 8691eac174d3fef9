// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is said about a model when it is made, and what it says about itself while it works.
#include <catena/model/warm_up.hpp>
#include <catena/residency/residency.hpp>
#include <catena/schedule/batch_options.hpp>
#include <catena/schedule/queue_options.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace catena {

/// What computing a request again does.
enum class effects : std::uint8_t {
  pure,        ///< it takes time and nothing else, so the rows of a batch that threw are computed again to find the bad one
  idempotent,  ///< it changes nothing that the first time has not changed, but may cost something: a bill
  once,        ///< harm
};

struct model_options {
  std::string name = {};      ///< in errors, paths and logs; not empty, without '/'
  std::string version = "1";  ///< which of the models of this name it is; not empty
  batch_options batch = {};   ///< how requests are joined
  request_queue_options queue = {};  ///< how they wait; who finds no room fails with errc::queue_full
  std::size_t instances = 1;  ///< how many batches may be computed at once, 1 to 1024
  /// How many batches an instance may have under way, 1 to 64. It is given one ahead of its turn when its function has returned
  /// and the one before is to be done later, and only one that would not grow until then.
  std::size_t batches_under_way = 1;
  catena::effects effects = effects::idempotent;
  warm_up_options warm_up = {};  ///< before it is ready, where its instances have warm_up()
  /// Whose memory it shares: it is loaded when it is asked or needed, and may have to leave for others. Without one it is
  /// loaded and warmed up when it is made, by whoever makes it, and stays.
  std::optional<catena::residency> residency = {};
};

/// What of an input its queue and its batch must know. A function that is empty is not asked.
/// \threads  they are called by whoever asks the model, by several threads at once
/// \errors   what they throw fails the request
template <class In>
struct request_measures {
  /// What it counts for in a batch and in its tenant's share: tokens, pixels, in units so coarse that a batch has some
  /// hundreds of them at most; at least 1. Without it every request costs 1. What costs more than max_size fails with
  /// errc::invalid_input.
  std::function<std::uint32_t(const In&)> cost = {};
  /// Only inputs of one shape share a batch: the length to which a text is padded, say.
  std::function<std::uint64_t(const In&)> shape = {};
  /// What it holds while it waits, for request_queue_options::max_bytes. Without it sizeof(In).
  std::function<std::size_t(const In&)> bytes = {};
  /// Where its data lies, on which device say: of idle instances one is preferred whose locality() is the same number. Not asked
  /// where instances have none. Without it that of an input which has a locality() itself.
  std::function<std::uint32_t(const In&)> locality = {};
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const model_options& options);

/// A snapshot.
struct model_stats {
  std::uint64_t batch_count = 0;    ///< batches handed to an instance
  std::uint64_t row_count = 0;      ///< requests in those batches
  std::uint64_t refused_count = 0;  ///< requests that found no room in the queue
  std::uint64_t evicted_count = 0;  ///< requests that left the queue for those of a higher priority
  std::uint64_t expired_count = 0;  ///< requests whose deadline had passed when their batch was formed
  std::uint64_t wasted_count = 0;   ///< requests that were computed and that nobody waited for any more
  std::uint64_t padding_count = 0;  ///< rows that padded batches to allowed sizes
  std::uint64_t repeated_batch_count = 0;  ///< parts of batches that threw, computed again to find the row it was about
  std::uint64_t repeated_row_count = 0;    ///< requests in those
  /// From the first batch until the batch policy knew what batches cost, of any shape; zero: it does not yet, or learns nothing.
  duration learning_time = {};
  warm_up_report warm_up = {};
  std::size_t queue_depth = 0;      ///< requests that wait now

  [[nodiscard]] double mean_batch_size() const noexcept {
    return batch_count == 0 ? 0.0 : static_cast<double>(row_count) / static_cast<double>(batch_count);
  }
};

}  // namespace catena
