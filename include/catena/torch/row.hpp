// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One request's place in a batch's tensor: what a codec writes and reads.
#include <catena/cache/hasher.hpp>
#include <catena/torch/dtype.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace catena::torch {

/// A view of one row of a tensor, contiguous, in host memory. It does not own it, unless make_owned() made it.
///
/// A row of the input is not cleared between batches: the codec writes all of it.
/// \lifetime of a view: the call of the codec. What make_owned() gives lives by itself, and copying it copies its values
class row {
 public:
  row(void* data, catena::torch::dtype type, std::span<const std::int64_t> shape) noexcept : data_(data), type_(type), shape_(shape) {
    for (const std::int64_t extent : shape) size_ *= static_cast<std::size_t>(extent);
  }
  row(const row& other);
  row(row&& other) noexcept = default;
  row& operator=(row other) noexcept {
    std::swap(data_, other.data_);
    std::swap(type_, other.type_);
    std::swap(shape_, other.shape_);
    std::swap(size_, other.size_);
    std::swap(memory_, other.memory_);
    return *this;
  }

  /// How many values the row has: the product of its shape, 1 for a row without extents.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_ * size_of(type_); }
  [[nodiscard]] catena::torch::dtype dtype() const noexcept { return type_; }
  [[nodiscard]] std::span<const std::int64_t> shape() const noexcept { return shape_; }

  /// The values, in row-major order.
  /// \errors errc::dtype_mismatch: the tensor has another element type
  template <element T = float>
  [[nodiscard]] std::span<T> values() {
    expect(dtype_of<T>::value);
    return {static_cast<T*>(data_), size_};
  }
  template <element T = float>
  [[nodiscard]] std::span<const T> values() const {
    expect(dtype_of<T>::value);
    return {static_cast<const T*>(data_), size_};
  }

  /// Copies all values in.
  /// \errors errc::dtype_mismatch; errc::shape_mismatch: there are more or fewer than the row has
  template <element T>
  void assign(std::span<const T> from) {
    const std::span<T> to = values<T>();
    expect_count(from.size());
    std::copy(from.begin(), from.end(), to.begin());
  }

  /// The same row with memory of its own, for a cache: it never pins the batch it came from.
  friend row make_owned(row&& r);
  /// Element type, shape and values determine an answer; see catena::hasher.
  friend void hash_append(hasher& h, const row& r);

 private:
  /// Moves shape and values into memory of its own.
  void own();
  void expect(catena::torch::dtype type) const {
    if (type != type_) refuse(type);
  }
  void expect_count(std::size_t count) const {
    if (count != size_) refuse(count);
  }
  [[noreturn]] void refuse(catena::torch::dtype type) const;
  [[noreturn]] void refuse(std::size_t count) const;

  void* data_;
  catena::torch::dtype type_;
  std::span<const std::int64_t> shape_;
  std::size_t size_ = 1;
  std::unique_ptr<std::byte[]> memory_;  ///< shape and values, in this order; null: a view
};
row make_owned(row&& r);
void hash_append(hasher& h, const row& r);

/// As Torch prints it: [3, 4].
[[nodiscard]] std::string to_string(std::span<const std::int64_t> shape);

}  // namespace catena::torch
