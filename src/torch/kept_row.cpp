// SPDX-License-Identifier: BSL-1.0
#include "batch_tensors.hpp"
#include "kept_tensor.hpp"
#include "tensor_spec.hpp"

#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace catena::torch {

dtype kept_row::dtype() const noexcept { return of_->type; }
std::span<const std::int64_t> kept_row::shape() const noexcept { return sizes_of(of_->rows).subspan(1); }
std::string kept_row::device() const { return of_->rows.device().str(); }
std::uint32_t kept_row::locality() const noexcept { return locality_of(of_->rows.device()); }

kept_row make_owned(kept_row&& r) {
  const at::Tensor& rows = r.of_->rows;
  if (rows.size(0) == 1 && rows.storage().nbytes() == rows.nbytes()) return std::move(r);
  const c10::InferenceMode no_gradients;
  at::Tensor own = some_rows(rows, r.i_, 1).clone(c10::MemoryFormat::Contiguous);
  const c10::Device device = own.device();
  // On this thread's stream, for which those of models do not wait.
  if (!device.is_cpu()) c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
  return {std::make_shared<const kept_tensor>(kept_tensor{std::move(own), r.of_->type}), 0};
}

}  // namespace catena::torch
