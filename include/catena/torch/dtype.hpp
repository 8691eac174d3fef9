// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The element types of tensors, without Torch.
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace catena::torch {

/// The type of a tensor's elements, by the names that Torch uses.
enum class dtype : std::uint8_t { float32, float64, int8, int16, int32, int64, uint8, boolean };

inline constexpr std::array all_dtypes{dtype::float32, dtype::float64, dtype::int8,  dtype::int16,
                                       dtype::int32,   dtype::int64,   dtype::uint8, dtype::boolean};

[[nodiscard]] std::string_view to_string(dtype type) noexcept;
[[nodiscard]] std::size_t size_of(dtype type) noexcept;

/// The C++ types of elements, each with its dtype.
template <class T>
struct dtype_of;
template <>
struct dtype_of<float> { static constexpr dtype value = dtype::float32; };
template <>
struct dtype_of<double> { static constexpr dtype value = dtype::float64; };
template <>
struct dtype_of<std::int8_t> { static constexpr dtype value = dtype::int8; };
template <>
struct dtype_of<std::int16_t> { static constexpr dtype value = dtype::int16; };
template <>
struct dtype_of<std::int32_t> { static constexpr dtype value = dtype::int32; };
template <>
struct dtype_of<std::int64_t> { static constexpr dtype value = dtype::int64; };
template <>
struct dtype_of<std::uint8_t> { static constexpr dtype value = dtype::uint8; };
template <>
struct dtype_of<bool> { static constexpr dtype value = dtype::boolean; };

template <class T>
concept element = requires { { dtype_of<T>::value } -> std::convertible_to<dtype>; };

}  // namespace catena::torch
