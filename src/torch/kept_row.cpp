// SPDX-License-Identifier: BSL-1.0
#include "batch_tensors.hpp"
#include "kept_tensor.hpp"
#include "tensor_spec.hpp"

#include <c10/core/InferenceMode.h>

namespace catena::torch {

dtype kept_row::dtype() const noexcept { return of_->type; }
std::span<const std::int64_t> kept_row::shape() const noexcept { return sizes_of(of_->rows).subspan(1); }
std::string kept_row::device() const { return of_->rows.device().str(); }

kept_row make_owned(kept_row&& r) {
  if (r.of_->rows.size(0) == 1) return std::move(r);
  const c10::InferenceMode no_gradients;
  return {std::make_shared<const kept_tensor>(kept_tensor{some_rows(r.of_->rows, r.i_, 1).clone(), r.of_->type}), 0};
}

}  // namespace catena::torch
