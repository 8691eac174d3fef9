// SPDX-License-Identifier: BSL-1.0
#include <catena/error.hpp>
#include <catena/torch/row.hpp>

#include <cstring>

namespace catena::torch {
namespace {

struct dtype_facts {
  std::string_view name;
  std::size_t size;
};

constexpr dtype_facts facts_of(dtype type) noexcept {
  switch (type) {
    case dtype::float32: return {"float32", 4};
    case dtype::float64: return {"float64", 8};
    case dtype::int8: return {"int8", 1};
    case dtype::int16: return {"int16", 2};
    case dtype::int32: return {"int32", 4};
    case dtype::int64: return {"int64", 8};
    case dtype::uint8: return {"uint8", 1};
    case dtype::boolean: return {"bool", 1};
  }
  return {"unknown", 1};
}

}  // namespace

std::string_view to_string(dtype type) noexcept { return facts_of(type).name; }
std::size_t size_of(dtype type) noexcept { return facts_of(type).size; }

std::string to_string(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

row::row(const row& other) : row(other.data_, other.type_, other.shape_) {
  if (other.memory_) own();
}

void row::own() {
  const std::size_t shape_bytes = shape_.size_bytes();
  auto memory = std::make_unique<std::byte[]>(shape_bytes + size_bytes());
  std::byte* const values = memory.get() + shape_bytes;
  if (shape_bytes != 0) std::memcpy(memory.get(), shape_.data(), shape_bytes);
  if (size_bytes() != 0) std::memcpy(values, data_, size_bytes());
  shape_ = {reinterpret_cast<const std::int64_t*>(memory.get()), shape_.size()};
  data_ = values;
  memory_ = std::move(memory);
}

row make_owned(row&& r) {
  if (!r.memory_) r.own();
  return std::move(r);
}

void hash_append(hasher& h, const row& r) {
  h.append(r.type_, r.shape_);
  h.append_bytes(r.data_, r.size_bytes());
}

void row::refuse(catena::torch::dtype type) const {
  throw error(failure(errc::dtype_mismatch, "the row's elements are " + std::string(to_string(type_)) + ", the codec takes them for " +
                                                std::string(to_string(type))));
}

void row::refuse(std::size_t count) const {
  throw error(failure(errc::shape_mismatch, "the row's shape is " + to_string(shape_) + ", which is " + std::to_string(size_) +
                                                " values; the codec gives " + std::to_string(count)));
}

}  // namespace catena::torch
