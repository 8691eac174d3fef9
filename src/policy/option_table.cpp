// SPDX-License-Identifier: BSL-1.0
#include "option_table.hpp"

#include "quantities.hpp"

#include <array>
#include <charconv>

namespace catena::detail {
namespace {

std::string bound_text(const option_field& f, std::int64_t value) { return to_text(f, option_value(value)); }

std::string choices_text(const option_field& f) {
  std::string text = "one of ";
  for (std::size_t i = 0; i < f.choices.size(); ++i)
    text += (i == 0 ? "'" : i + 1 == f.choices.size() ? " or '" : ", '") + std::string(f.choices[i]) + "'";
  return text;
}

}  // namespace

std::string number_text(double number) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number);
  return std::string(text.data(), end.ptr);
}

std::string to_text(const option_field& f, const option_value& v) {
  if (const double* number = std::get_if<double>(&v)) return number_text(*number);
  const std::int64_t whole = std::get<std::int64_t>(v);
  switch (f.kind) {
    case option_kind::time: return write_quantity(quantity::time, whole);
    case option_kind::size: return write_quantity(quantity::size, whole);
    case option_kind::choice: return std::string(f.choices[static_cast<std::size_t>(whole)]);
    case option_kind::count:
    case option_kind::number: break;
  }
  return std::to_string(whole);
}

std::string range_of(const option_field& f) {
  if (f.kind == option_kind::choice) return choices_text(f);
  if (f.kind == option_kind::number) return number_text(f.least_number) + " to " + number_text(f.most_number);
  // Times are not counted: the least one above zero is any.
  const bool above_zero = f.kind == option_kind::time && f.least == 1;
  const std::string least = above_zero ? "more than 0s" : bound_text(f, f.least);
  if (f.most != no_most) return least + " to " + bound_text(f, f.most);
  return above_zero ? least : least + " or more";
}

bool in_range(const option_field& f, const option_value& v) noexcept {
  if (const double* number = std::get_if<double>(&v)) return *number >= f.least_number && *number <= f.most_number;
  const std::int64_t whole = *std::get_if<std::int64_t>(&v);
  return whole >= f.least && whole <= f.most;
}

std::string pointer_to(std::span<const std::string> path, std::string_view key) {
  std::string text;
  const auto add = [&](std::string_view name) {
    text += '/';
    for (const char c : name) {
      if (c == '~') text += "~0";
      else if (c == '/') text += "~1";
      else text += c;
    }
  };
  for (const std::string& name : path) add(name);
  if (!key.empty()) add(key);
  return text;
}

}  // namespace catena::detail
