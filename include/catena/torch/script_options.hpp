// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is said about a TorchScript model.
#include <catena/model/model_options.hpp>
#include <catena/torch/dtype.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace catena::torch {

/// The batch's input tensor is [n, shape...].
struct input_options {
  catena::torch::dtype dtype = dtype::float32;
  std::vector<std::int64_t> shape = {};  ///< of one row, each extent at least 1; empty: one value
};

/// What is expected of the batch's output tensor, which is [n, shape...]. What is not given is taken as it comes.
struct output_options {
  std::optional<catena::torch::dtype> dtype = {};
  std::vector<std::int64_t> shape = {};  ///< of one row; empty: any. {1} stands for an output of [n] as well
};

struct script_options {
  std::string name = {};          ///< in errors, paths and logs; not empty, without '/'
  std::string version = "1";      ///< which of the models of this name it is; not empty
  std::string file = {};          ///< a TorchScript archive; either this or `source`
  std::string source = {};        ///< TorchScript text: `def forward(self, x: Tensor) -> Tensor: ...`
  std::string method = "forward"; ///< what is called with the input tensor, and answers the output tensor
  std::string device = "cpu";     ///< "cpu", or what this LibTorch has: "cuda", "cuda:1", ...
  std::size_t instances = 1;      ///< how many batches may be computed at once, 1 to 1024; they share the weights
  input_options input = {};
  output_options output = {};
  batch_options batch = {};       ///< as many rows of input as a batch may have are allocated for each instance
  request_queue_options queue = {};
  catena::effects effects = effects::pure;
};

}  // namespace catena::torch
