// SPDX-License-Identifier: BSL-1.0
#include "batch_tensors.hpp"
#include "tensor_spec.hpp"

#include <catena/error.hpp>

#include <algorithm>
#include <cstring>
#include <string>

namespace catena::torch {
namespace {

constexpr std::int64_t dry_run_extent = 16;

/// Named in errors only where it has a name.
std::string called(const input_options& input) { return input.name.empty() ? "the input" : "input '" + input.name + "'"; }

}  // namespace

at::Tensor first(const at::Tensor& t, std::size_t n) { return t.narrow(0, 0, static_cast<std::int64_t>(n)); }

at::Tensor staging(const c10::Device& device, const std::vector<std::int64_t>& sizes, c10::ScalarType type) {
  return at::empty(sizes, at::TensorOptions().dtype(type).pinned_memory(device.is_cuda()));
}

row row_of(const at::Tensor& t, std::size_t i, dtype type) {
  const auto shape = sizes_of(t).subspan(1);
  const row at_front(t.data_ptr(), type, shape);
  auto* begin = static_cast<std::byte*>(t.data_ptr());
  return {begin + i * at_front.size_bytes(), type, shape};
}

input_tensor::input_tensor(const input_options& spec, const c10::Device& device, std::size_t most_rows)
    : spec_(spec), device_(device), most_rows_(most_rows) {
  if (!is_open(spec.shape)) shape(spec.shape);
}

row input_tensor::at(std::size_t i) const {
  expect_shaped();
  return row_of(host_, i, spec_.dtype);
}

row input_tensor::at(std::size_t i, std::span<const std::int64_t> said) {
  if (!fits(said, spec_.shape))
    throw error(failure(errc::shape_mismatch, called(spec_) + " is " + to_string(spec_.shape) + ", the codec says " + to_string(said)));
  if (i == 0) shape(said);
  expect_shaped();
  const auto batch = sizes_of(host_).subspan(1);
  if (!std::ranges::equal(batch, said))
    throw error(failure(errc::shape_mismatch, called(spec_) + " is " + to_string(batch) + " in this batch and " + to_string(said) +
                                                  " in this row: request_measures::shape keeps rows of several shapes apart"));
  return row_of(host_, i, spec_.dtype);
}

void input_tensor::pad(std::size_t from, std::size_t to) {
  expect_shaped();
  const std::size_t row_bytes = host_.nbytes() / most_rows_;
  auto* const begin = static_cast<std::byte*>(host_.data_ptr());
  for (std::size_t i = from; i < to; ++i) std::memcpy(begin + i * row_bytes, begin, row_bytes);
}

std::vector<std::int64_t> input_tensor::sizes(std::size_t n) const {
  expect_shaped();
  return rows_of(n, sizes_of(host_).subspan(1));
}

at::Tensor input_tensor::rows(std::size_t n) {
  expect_shaped();
  if (device_.is_cpu()) return first(host_, n);
  if (!on_device_.defined() || on_device_.sizes() != host_.sizes())
    on_device_ = at::empty(host_.sizes(), host_.options().pinned_memory(false).device(device_));
  at::Tensor there = first(on_device_, n);
  there.copy_(first(host_, n), /*non_blocking=*/true);
  return there;
}

void input_tensor::next_batch() noexcept { is_shaped_ = !is_open(spec_.shape); }

void input_tensor::fill_with_ones() {
  std::vector<std::int64_t> sizes = spec_.shape;
  std::ranges::replace(sizes, any_extent, dry_run_extent);
  shape(sizes);
  host_.fill_(1);
}

void input_tensor::clear() { host_.zero_(); }

void input_tensor::expect_shaped() const {
  if (!is_shaped_)
    throw error(failure(errc::shape_mismatch,
                        called(spec_) + " is " + to_string(spec_.shape) + ": its extents must be said, with input_rows::shaped"));
}

/// Memory grows to the largest batch that was ever shaped, and is kept.
void input_tensor::shape(std::span<const std::int64_t> row_shape) {
  is_shaped_ = true;
  if (host_.defined() && std::ranges::equal(sizes_of(host_).subspan(1), row_shape)) return;
  const auto sizes = rows_of(most_rows_, row_shape);
  const std::int64_t count = c10::multiply_integers(sizes);
  if (!memory_.defined() || memory_.numel() < count) {
    memory_ = staging(device_, {count}, to_torch(spec_.dtype));
    memory_.zero_();
  }
  host_ = memory_.narrow(0, 0, count).view(sizes);
}

}  // namespace catena::torch
