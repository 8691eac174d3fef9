// SPDX-License-Identifier: BSL-1.0
// In place of cuda_graph.cpp where LibTorch has no CUDA, or an older one.
#include "graph_recorder.hpp"

namespace catena::torch {

const recorder_factory cuda_recorder = nullptr;

}  // namespace catena::torch
