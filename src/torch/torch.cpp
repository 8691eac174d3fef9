// SPDX-License-Identifier: BSL-1.0
#include "torch.hpp"

#include <stdexcept>
#include <string_view>

namespace catena::torch {

c10::ScalarType to_torch(dtype type) {
  switch (type) {
    case dtype::float32: return c10::kFloat;
    case dtype::float64: return c10::kDouble;
    case dtype::int8: return c10::kChar;
    case dtype::int16: return c10::kShort;
    case dtype::int32: return c10::kInt;
    case dtype::int64: return c10::kLong;
    case dtype::uint8: return c10::kByte;
    case dtype::boolean: return c10::kBool;
  }
  throw std::invalid_argument("script_options: no such dtype");
}

std::optional<dtype> from_torch(c10::ScalarType type) {
  for (const dtype known : all_dtypes)
    if (to_torch(known) == type) return known;
  return std::nullopt;
}

/// The interpreter of TorchScript throws anew what it caught, and keeps but the text.
bool is_out_of_memory(const std::exception& e) {
  return dynamic_cast<const c10::OutOfMemoryError*>(&e) || std::string_view(e.what()).find("out of memory") != std::string_view::npos;
}

std::string text_of(const std::exception& e) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&e);
  std::string text = torch_error ? torch_error->what_without_backtrace() : e.what();
  const auto begin = text.find_first_not_of(" \n\t");
  const auto end = text.find_last_not_of(" \n\t");
  return begin == std::string::npos ? "no reason given" : text.substr(begin, end - begin + 1);
}

std::string text_of(const std::exception_ptr& e) {
  try {
    std::rethrow_exception(e);
  } catch (const std::exception& known) {
    return text_of(known);
  }
}

}  // namespace catena::torch
