// SPDX-License-Identifier: BSL-1.0
// CUDA graphs, where LibTorch has CUDA. The only file that includes CUDA. Unproven: never run on a GPU.
//
// What is relied on:
// - A recording in thread-local mode forbids its own thread what cannot be recorded; others launch, allocate and wait as ever.
// - LibTorch's allocator takes what is allocated on the recording stream from a pool of its own, with cudaMalloc in relaxed mode.
//   Nobody else is given any of it until the pool is released and no tensor lies in it; then it goes back to the driver when
//   memory is short. While somebody records, nothing goes back: who is short of memory by then is out of memory.
// - at::cuda::CUDAGraph would do the same, but a recording that fails leaves the allocator, and the device's generator of random
//   numbers, in the middle of it. Here a model that draws random numbers cannot be recorded.
#include "graph_recorder.hpp"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

namespace catena::torch {
namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

/// A stream that nobody else has: LibTorch deals its 32 out again and again. None is ever destroyed, but lent again: tensors and
/// LibTorch remember streams, and cuBLAS keeps memory for each.
class own_stream {
 public:
  explicit own_stream(c10::DeviceIndex device) : device_(device) {
    {
      const std::lock_guard lock(mutex());
      auto& there = idle()[device];
      if (!there.empty()) {
        stream_ = there.back();
        there.pop_back();
        return;
      }
    }
    const c10::cuda::CUDAGuard on(device);
    C10_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  }
  ~own_stream() {
    const std::lock_guard lock(mutex());
    idle()[device_].push_back(stream_);
  }
  own_stream(const own_stream&) = delete;
  own_stream& operator=(const own_stream&) = delete;

  [[nodiscard]] c10::cuda::CUDAStream get() const { return c10::cuda::getStreamFromExternal(stream_, device_); }

 private:
  static std::mutex& mutex() {
    static std::mutex the_one;
    return the_one;
  }
  static std::map<c10::DeviceIndex, std::vector<cudaStream_t>>& idle() {
    static auto* const all = new std::map<c10::DeviceIndex, std::vector<cudaStream_t>>;  // models may outlive everything
    return *all;
  }

  c10::DeviceIndex device_;
  cudaStream_t stream_ = nullptr;
};

/// The memory in which the graphs of one stream compute, one after the other. LibTorch counts who uses it, and this is one.
class graph_memory {
 public:
  explicit graph_memory(const c10::cuda::CUDAStream& stream) : device_(stream.device_index()), stream_(stream.stream()) {
    open();
    allocator::endAllocateToPool(device_, id_);
  }
  ~graph_memory() { allocator::releasePool(device_, id_); }
  graph_memory(const graph_memory&) = delete;
  graph_memory& operator=(const graph_memory&) = delete;

  /// What is allocated for the stream from now on, until close(), comes out of it.
  void open() {
    allocator::beginAllocateToPool(device_, id_, [own = stream_](cudaStream_t of) { return of == own; });
  }
  void close() {
    allocator::endAllocateToPool(device_, id_);
    allocator::releasePool(device_, id_);
  }

 private:
  c10::DeviceIndex device_;
  cudaStream_t stream_;
  c10::cuda::MempoolId_t id_ = at::cuda::graph_pool_handle();
};

struct graph_end {
  void operator()(cudaGraph_t graph) const noexcept { C10_CUDA_CHECK_WARN(cudaGraphDestroy(graph)); }
  void operator()(cudaGraphExec_t graph) const noexcept { C10_CUDA_CHECK_WARN(cudaGraphExecDestroy(graph)); }
};
template <class Graph>
using graph_ptr = std::unique_ptr<std::remove_pointer_t<Graph>, graph_end>;

class cuda_graph final : public recorded_graph {
 public:
  cuda_graph(const c10::cuda::CUDAStream& stream, graph_memory& memory, const batch_call& call) {
    cudaGraph_t launched = nullptr;
    std::exception_ptr failed;
    memory.open();
    cudaError_t state = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    if (state == cudaSuccess) {
      try {
        answers_ = call();
      } catch (...) {
        failed = std::current_exception();
      }
      state = cudaStreamEndCapture(stream, &launched);
    }
    const graph_ptr<cudaGraph_t> graph(launched);
    memory.close();
    if (failed) {
      static_cast<void>(cudaGetLastError());  // that the recording has no end follows from what failed
      std::rethrow_exception(failed);
    }
    C10_CUDA_CHECK(state);
    cudaGraphExec_t made = nullptr;
    C10_CUDA_CHECK(cudaGraphInstantiateWithFlags(&made, graph.get(), cudaGraphInstantiateFlagAutoFreeOnLaunch));
    graph_.reset(made);
  }

  const std::vector<at::Tensor>& replay() override {
    C10_CUDA_CHECK(cudaGraphLaunch(graph_.get(), c10::cuda::getCurrentCUDAStream()));
    return answers_;
  }

 private:
  std::vector<at::Tensor> answers_;
  graph_ptr<cudaGraphExec_t> graph_;
};

class recorder final : public graph_recorder {
 public:
  explicit recorder(c10::Device device) : stream_(device.index()), memory_(stream_.get()) {}

  c10::Stream stream() const override { return stream_.get(); }
  std::unique_ptr<recorded_graph> record(const batch_call& call) override {
    try {
      return std::make_unique<cuda_graph>(stream_.get(), memory_, call);
    } catch (const std::exception& e) {
      if (!is_out_of_memory(e)) throw;
    }
    allocator::emptyCache();  // what it gives back by itself while nobody records
    return std::make_unique<cuda_graph>(stream_.get(), memory_, call);
  }

 private:
  own_stream stream_;
  graph_memory memory_;
};

}  // namespace

const recorder_factory cuda_recorder = [](c10::Device device) -> std::unique_ptr<graph_recorder> {
  return std::make_unique<recorder>(device);
};

}  // namespace catena::torch
