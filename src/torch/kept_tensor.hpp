// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What kept rows are rows of.
#include "torch.hpp"

#include <catena/torch/kept_row.hpp>

namespace catena::torch {

struct kept_tensor {
  at::Tensor rows;  ///< [n, shape...], contiguous, computed
  catena::torch::dtype type;
};

}  // namespace catena::torch
