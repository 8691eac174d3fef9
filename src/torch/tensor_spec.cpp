// SPDX-License-Identifier: BSL-1.0
#include "tensor_spec.hpp"

#include <catena/torch/row.hpp>

#include <algorithm>

namespace catena::torch {
namespace {

/// [n, shape...], or [n] where a row is one value.
bool has_rows(std::span<const std::int64_t> given, std::size_t n, std::span<const std::int64_t> shape) {
  if (given.empty() || given[0] != static_cast<std::int64_t>(n)) return false;
  const bool one_value = given.size() == 1 && shape.size() == 1 && shape[0] == 1;
  return shape.empty() || one_value || fits(given.subspan(1), shape);
}

}  // namespace

std::vector<std::int64_t> rows_of(std::size_t n, std::span<const std::int64_t> shape) {
  std::vector<std::int64_t> sizes{static_cast<std::int64_t>(n)};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  return sizes;
}

bool is_open(std::span<const std::int64_t> shape) { return std::ranges::find(shape, any_extent) != shape.end(); }

bool fits(std::span<const std::int64_t> shape, std::span<const std::int64_t> expected) {
  return std::ranges::equal(shape, expected, [](std::int64_t given, std::int64_t wanted) {
    return given == wanted || (wanted == any_extent && given >= 0);
  });
}

misfit misfit_of(const at::Tensor& answer, std::size_t n, const output_options& expected) {
  if (!has_rows(sizes_of(answer), n, expected.shape)) {
    const std::string wanted = expected.shape.empty() ? "[" + std::to_string(n) + ", ...]" : to_string(rows_of(n, expected.shape));
    return {misfit::of::shape, "shape " + to_string(sizes_of(answer)) + ", expected " + wanted};
  }
  const auto type = from_torch(answer.scalar_type());
  if (type && (!expected.dtype || *expected.dtype == *type)) return {};
  const std::string given = type ? std::string(to_string(*type)) : c10::toString(answer.scalar_type());
  const std::string wanted = expected.dtype ? std::string(to_string(*expected.dtype)) : "a type with a C++ counterpart";
  return {misfit::of::dtype, "dtype " + given + ", expected " + wanted};
}

}  // namespace catena::torch
