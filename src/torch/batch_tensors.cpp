// SPDX-License-Identifier: BSL-1.0
#include "batch_tensors.hpp"
#include "tensor_spec.hpp"

#include <catena/error.hpp>

#include <algorithm>
#include <cstring>
#include <string>

namespace catena::torch {
namespace {

/// Named in errors only where it has a name.
std::string called(const input_options& input) { return input.name.empty() ? "the input" : "input '" + input.name + "'"; }

}  // namespace

at::Tensor some_rows(const at::Tensor& t, std::size_t from, std::size_t count) {
  return t.narrow(0, static_cast<std::int64_t>(from), static_cast<std::int64_t>(count));
}
at::Tensor first(const at::Tensor& t, std::size_t n) { return some_rows(t, 0, n); }

at::Tensor staging(const c10::Device& device, const std::vector<std::int64_t>& sizes, c10::ScalarType type) {
  return at::empty(sizes, at::TensorOptions().dtype(type).pinned_memory(device.is_cuda()));
}

row row_of(const at::Tensor& t, std::size_t i, dtype type) {
  const auto shape = sizes_of(t).subspan(1);
  const row at_front(t.data_ptr(), type, shape);
  auto* begin = static_cast<std::byte*>(t.data_ptr());
  return {begin + i * at_front.size_bytes(), type, shape};
}

input_tensor::input_tensor(const input_options& spec, const c10::Device& device, std::size_t most_rows, rows_given given)
    : spec_(spec), device_(device), most_rows_(most_rows), taken_(given) {
  if (!is_open(spec.shape)) shape(spec.shape);
}

std::vector<std::int64_t> input_tensor::sizes(std::size_t n) const { return rows_of(n, sizes_of(host_).subspan(1)); }

row input_tensor::at(std::size_t i) {
  expect_shaped();
  if (!given_.empty()) given_[i].reset();  // by a batch that failed
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
  return at(i);
}

void input_tensor::give(std::size_t i, const kept_row& from) {
  if (from.dtype() != spec_.dtype)
    throw error(failure(errc::dtype_mismatch, called(spec_) + " is " + std::string(to_string(spec_.dtype)) + ", the row that is given is " +
                                                  std::string(to_string(from.dtype()))));
  static_cast<void>(at(i, from.shape()));
  if (given_.empty()) given_.resize(most_rows_);
  given_[i] = from;
}

void input_tensor::pad(std::size_t from, std::size_t to) {
  expect_shaped();
  const std::size_t row_bytes = host_.nbytes() / most_rows_;
  auto* const begin = static_cast<std::byte*>(host_.data_ptr());
  for (std::size_t i = from; i < to; ++i) {
    if (!given_.empty()) given_[i] = given_[0];
    if (given_.empty() || !given_[0]) std::memcpy(begin + i * row_bytes, begin, row_bytes);
  }
}

std::vector<input_tensor::piece> input_tensor::pieces(std::size_t n) const {
  if (given_.empty()) return {{0, n, nullptr}};
  std::vector<piece> all;
  for (std::size_t i = 0; i < n; ++i) {
    const std::shared_ptr<const kept_tensor> of = given_[i] ? given_[i]->tensor() : nullptr;
    const std::size_t index = of ? given_[i]->index() : i;
    const bool goes_on = !all.empty() && all.back().given == of && all.back().first + (i - all.back().begin) == index;
    if (goes_on) all.back().end = i + 1;
    else all.push_back({i, i + 1, of, index});
  }
  return all;
}

/// Copies to where the model computes what is not there already.
at::Tensor input_tensor::gathered(std::size_t n) {
  const std::vector<piece> all = pieces(n);
  const bool lie_there = all.size() == 1 && all[0].given && all[0].given->rows.device() == device_;
  if (lie_there && taken_ == rows_given::where_they_lie) return some_rows(all[0].given->rows, all[0].first, n);
  if (device_.is_cpu()) on_device_ = host_;
  else if (!on_device_.defined() || on_device_.sizes() != host_.sizes())
    on_device_ = at::empty(host_.sizes(), host_.options().pinned_memory(false).device(device_));
  for (const piece& p : all) {
    if (!p.given && device_.is_cpu()) continue;
    const at::Tensor from = some_rows(p.given ? p.given->rows : host_, p.first, p.end - p.begin);
    some_rows(on_device_, p.begin, p.end - p.begin).copy_(from, /*non_blocking=*/!device_.is_cpu());
  }
  return first(on_device_, n);
}

void input_tensor::send(std::size_t n) {
  expect_shaped();
  sent_ = gathered(n);
}

at::Tensor input_tensor::rows(std::size_t from, std::size_t count) const { return some_rows(sent_, from, count); }

void input_tensor::next_batch() noexcept { is_shaped_ = !is_open(spec_.shape); }

void input_tensor::forget() noexcept {
  sent_.reset();
  given_.clear();
}

void input_tensor::fill_with_ones(std::int64_t open_extent) {
  std::vector<std::int64_t> sizes = spec_.shape;
  std::ranges::replace(sizes, any_extent, open_extent);
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
