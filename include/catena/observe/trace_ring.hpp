// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Keeps the last traces in memory.
#include <catena/observe/tracer.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

namespace catena {

struct trace_ring_options {
  std::size_t recent = 256;              ///< how many sampled requests it keeps, 1 to 1 000 000; as many batches
  std::size_t notable = 256;             ///< how many that were kept because they failed or took long, 1 to 1 000 000
  std::size_t max_bytes = 16 << 20;      ///< of each of the three, about, 1 or more; the oldest go first, and the last one stays
};
/// \errors std::invalid_argument naming the member that is out of range
void check(const trace_ring_options& options);

/// Each the oldest first.
struct traces_in_ring {
  std::vector<std::shared_ptr<const trace>> recent;
  std::vector<std::shared_ptr<const trace>> notable;
  std::vector<std::shared_ptr<const trace>> batches;  ///< which requests link to
  std::uint64_t displaced = 0;                        ///< how many are no longer there
};

/// A sink for what looks at traces inside of the process: those that failed or were slow are not pushed out by those that were sampled,
/// nor requests by batches.
/// \threads  safe
/// \cost     of take(): a lock that is held for a move; the trace that it displaces is destroyed outside of it
class trace_ring final : public trace_sink {
 public:
  /// \errors std::invalid_argument: an option is out of range
  explicit trace_ring(const trace_ring_options& options = {});

  void take(std::shared_ptr<const trace> t) noexcept override;
  [[nodiscard]] traces_in_ring snapshot() const;

 private:
  struct entry {
    std::shared_ptr<const trace> what;
    std::size_t bytes;
  };
  struct ring {
    std::deque<entry> entries;
    std::size_t most = 0;
    std::size_t bytes = 0;
  };
  [[nodiscard]] ring& ring_for(const trace& t) noexcept;
  /// The oldest where there are more than there may be; the caller destroys it.
  [[nodiscard]] std::shared_ptr<const trace> displace_one(ring& from) noexcept;

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  ring recent_, notable_, batches_;
  std::uint64_t displaced_ = 0;
};

}  // namespace catena
