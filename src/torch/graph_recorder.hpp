// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What records the work that a batch launches on a device, so that all of it is launched at once the next time. No CUDA here.
#include "torch.hpp"

#include <c10/core/Stream.h>

#include <functional>
#include <memory>
#include <vector>

namespace catena::torch {

/// Calls a model with a batch that lies where it lay before, and answers the outputs.
using batch_call = std::function<std::vector<at::Tensor>()>;

class recorded_graph {
 public:
  virtual ~recorded_graph() = default;
  /// Begins to compute what was recorded on the current stream, with what lies in the inputs by then.
  /// \return the outputs, the same tensors each time
  [[nodiscard]] virtual const std::vector<at::Tensor>& replay() = 0;
};

/// \lifetime outlives what it has recorded, of which one is replayed at a time
class graph_recorder {
 public:
  virtual ~graph_recorder() = default;
  /// Where it records. It belongs to this recorder: what others launched there would be recorded as well.
  [[nodiscard]] virtual c10::Stream stream() const = 0;
  /// Records what is launched by the call, and computes nothing of it. That stream is the current one.
  /// \errors std::exception: the call threw, or did what cannot be recorded; nothing is left of it
  [[nodiscard]] virtual std::unique_ptr<recorded_graph> record(const batch_call& call) = 0;
};

/// Makes the recorder of a device.
using recorder_factory = std::unique_ptr<graph_recorder> (*)(c10::Device);

/// CUDA's; null: this build has none.
extern const recorder_factory cuda_recorder;

/// That of a kind of devices; null: they have none. Who tests puts one of his own there.
[[nodiscard]] recorder_factory& recorder_of(c10::DeviceType type);

}  // namespace catena::torch
