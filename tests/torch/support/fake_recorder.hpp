// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Graphs without CUDA: what is recorded is called again.
#include "src/torch/graph_recorder.hpp"

#include <atomic>
#include <memory>
#include <vector>

namespace catena::test {

/// What recorders did, and whether they can.
struct fake_recordings {
  std::atomic<int> recorded = 0, replayed = 0;
  std::atomic<int> held = 0;         ///< recordings that are still there
  std::atomic<bool> refuses = false; ///< as CUDA does where a model waits for the device
};

/// Copies what the call answers anew to where its answers were when it was recorded.
class fake_recorder final : public torch::graph_recorder {
 public:
  fake_recorder(fake_recordings& did, c10::Stream stream) : did_(did), stream_(stream) {}

  c10::Stream stream() const override { return stream_; }
  std::unique_ptr<torch::recorded_graph> record(const torch::batch_call& call) override;

 private:
  fake_recordings& did_;
  c10::Stream stream_;
};

/// The fake accelerator has graphs for as long as one of these lives; one at a time.
class fake_graphs : public fake_recordings {
 public:
  fake_graphs();
  ~fake_graphs();
  fake_graphs(const fake_graphs&) = delete;
  fake_graphs& operator=(const fake_graphs&) = delete;
};

}  // namespace catena::test
