// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a device reaches when nobody schedules.
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "support/networks/networks.hpp"
#include "support/networks/questions.hpp"

namespace cuda {

/// A network on a device, whose forward() this thread calls in a loop, always with the same questions.
class bare_loop {
 public:
  using clock = std::chrono::steady_clock;

  /// \errors std::runtime_error: it answers something wrong there
  bare_loop(const bench::network& net, const bench::questions& asked, const std::string& device, std::size_t max_rows);
  ~bare_loop();
  bare_loop(const bare_loop&) = delete;
  bare_loop& operator=(const bare_loop&) = delete;

  /// Computes batches of so many rows for so long, or a little longer; the rows lie on the device, and the answers stay
  /// there. The device always has something to do: this thread waits for it a few times a second, not after each batch.
  [[nodiscard]] double rows_per_s(std::size_t rows, clock::duration at_least);
  /// The same from and to pinned memory of the host, where each batch is copied, computed, copied back and waited for before the
  /// next one: what can be reached if copies and computing do not overlap.
  [[nodiscard]] double rows_per_s_with_copies(std::size_t rows, clock::duration at_least);

 private:
  struct tensors;
  std::unique_ptr<tensors> tensors_;
};

}  // namespace cuda
