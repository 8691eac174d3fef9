// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is known of a set of options, once: the reader, the schema and the writer are made of it.
#include <catena/policy/document.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>

namespace catena::detail {

enum class option_kind : std::uint8_t { time, size, count, number, choice };

inline constexpr std::int64_t no_most = std::numeric_limits<std::int64_t>::max();

struct option_field {
  std::string_view name;
  option_kind kind;
  std::int64_t least = 0, most = no_most;     ///< of a time, in nanoseconds, a size or a count
  double least_number = 0, most_number = 0;   ///< of a number
  std::span<const std::string_view> choices = {};  ///< their values are 0, 1, 2...
  std::string_view about;
  option_value (*get)(const void* options) = nullptr;
  void (*set)(void* options, option_value value) = nullptr;
};

struct option_table {
  std::string_view name;  ///< of the type
  const std::type_info* type;
  std::span<const option_field> fields;
  std::shared_ptr<void> (*make)();  ///< with the defaults
  std::shared_ptr<void> (*copy)(const void* options);
  /// Throws std::invalid_argument where the library would, also for what fields say together.
  void (*check)(const void* options);
};

/// How a document is laid out.
struct option_shape {
  std::string_view name;   ///< the key
  std::string_view about;
  const option_table* options = nullptr;  ///< what it has itself
  bool is_scalar = false;                 ///< its value is that of the only one of its options
  std::span<const option_shape> children = {};
  const option_shape* each = nullptr;     ///< it has any names, and this at each of them
};

extern const option_shape document_shape;
[[nodiscard]] std::span<const option_table* const> option_tables() noexcept;

/// "0 to 100", "more than 0s to 24h".
[[nodiscard]] std::string range_of(const option_field& f);
[[nodiscard]] bool in_range(const option_field& f, const option_value& v) noexcept;
[[nodiscard]] std::string to_text(const option_field& f, const option_value& v);
/// The shortest text of a number.
[[nodiscard]] std::string number_text(double number);
/// "/stages/fraud~1place/retry", of a path and, beneath it, a key.
[[nodiscard]] std::string pointer_to(std::span<const std::string> path, std::string_view key = {});

}  // namespace catena::detail
