// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A fake accelerator: LibTorch's device "xpu", which a CPU build has not, computed by the CPU in memory of its own.
#include "fake_streams.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace catena::test {

struct fake_device_options {
  std::size_t memory_bytes = 0;            ///< of each device; who asks for more gets c10::OutOfMemoryError; 0: no limit
  fake_clock::duration copy_lasts{};       ///< each copy keeps its stream busy for so long
  fake_clock::duration kernel_lasts{};     ///< each kernel, too, however long it really takes
};

enum class fake_direction { host_to_device, device_to_host, device_to_device };

struct fake_copies {
  std::size_t count = 0, bytes = 0;
};

/// There are two such devices, "xpu:0" and "xpu:1", for as long as one of these lives; one at a time.
///
/// A kernel is computed at once by the thread that launches it, on the CPU's own implementation and without copying anything;
/// its stream is then busy for as long as the options say. A copy between host and device that is non_blocking happens when a
/// later kernel of its stream (or one that an event orders behind it) needs it, or when the host waits for it or finds that
/// it is done. Host memory must be left alone until then.
/// \threads  safe
class fake_device {
 public:
  static constexpr const char* name = "xpu";

  explicit fake_device(const fake_device_options& options = {});
  ~fake_device();
  fake_device(const fake_device&) = delete;
  fake_device& operator=(const fake_device&) = delete;

  void set(const fake_device_options& options);

  /// Those that somebody asked for, blocking or not; reading one value of a tensor is one from device to host.
  [[nodiscard]] fake_copies copies(fake_direction direction) const;
  [[nodiscard]] std::size_t bytes_in_use(int device = 0) const;
  [[nodiscard]] std::size_t peak_bytes(int device = 0) const;  ///< since forget()

  /// What all streams did and will have done, in the order in which it was asked for.
  [[nodiscard]] std::vector<fake_work> log() const;
  /// What would go wrong on a real device, a line each: memory that two streams use in no order, memory that is given back while
  /// another stream uses it, host memory that changes while it is copied.
  [[nodiscard]] std::vector<std::string> faults() const;
  /// Counters, peak, log and faults begin anew.
  void forget();
};

}  // namespace catena::test
