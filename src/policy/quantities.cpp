// SPDX-License-Identifier: BSL-1.0
#include "quantities.hpp"

#include <algorithm>
#include <span>

namespace catena::detail {
namespace {

struct unit_of_quantity {
  std::string_view name;
  std::int64_t worth;
};

constexpr unit_of_quantity time_units[] = {{"ns", 1},
                                           {"us", 1'000},
                                           {"ms", 1'000'000},
                                           {"s", 1'000'000'000},
                                           {"min", 60'000'000'000},
                                           {"h", 3'600'000'000'000}};
constexpr unit_of_quantity size_units[] = {
    {"B", 1},           {"KB", 1'000},           {"KiB", 1 << 10},           {"MB", 1'000'000},           {"MiB", 1 << 20},
    {"GB", 1'000'000'000}, {"GiB", 1 << 30}, {"TB", 1'000'000'000'000}, {"TiB", std::int64_t{1} << 40}};

std::span<const unit_of_quantity> units_of(quantity what) noexcept {
  if (what == quantity::time) return time_units;
  return size_units;
}

std::size_t digits_at(std::string_view text, std::size_t from) noexcept {
  std::size_t end = from;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  return end - from;
}

std::string names_of(quantity what, std::string_view between) {
  std::string names;
  for (const unit_of_quantity& u : units_of(what)) names += (names.empty() ? std::string() : std::string(between)) + std::string(u.name);
  return names;
}

}  // namespace

reading_end read_quantity(quantity what, std::string_view text, std::int64_t& value) noexcept {
  const std::size_t whole = digits_at(text, 0);
  std::size_t at = whole, part = 0;
  if (at < text.size() && text[at] == '.') {
    part = digits_at(text, ++at);
    if (part == 0) return reading_end::malformed;
    at += part;
  }
  const std::string_view name = text.substr(at);
  const auto units = units_of(what);
  const auto unit = std::ranges::find(units, name, &unit_of_quantity::name);
  if (whole == 0 || unit == units.end()) return reading_end::malformed;

  std::int64_t sum = 0;
  for (const char c : text.substr(0, whole)) {
    if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, c - '0', &sum)) return reading_end::too_large;
  }
  if (__builtin_mul_overflow(sum, unit->worth, &sum)) return reading_end::too_large;
  std::string_view fraction = text.substr(whole, part == 0 ? 0 : part + 1);
  if (!fraction.empty()) fraction.remove_prefix(1);
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  if (fraction.size() > 18) return reading_end::too_fine;  // no unit is worth so many of the smallest
  std::int64_t numerator = 0, denominator = 1;
  for (const char c : fraction) {
    numerator = 10 * numerator + (c - '0');
    denominator *= 10;
  }
  __extension__ using wide = __int128;
  const wide product = static_cast<wide>(numerator) * unit->worth;
  if (product % denominator != 0) return reading_end::too_fine;
  if (__builtin_add_overflow(sum, static_cast<std::int64_t>(product / denominator), &sum)) return reading_end::too_large;
  value = sum;
  return reading_end::good;
}

std::string write_quantity(quantity what, std::int64_t value) {
  const auto units = units_of(what);
  const unit_of_quantity* largest = &units.front();
  for (const unit_of_quantity& u : units) {
    const bool binary = what == quantity::time || u.worth == 1 || u.name.size() == 3;  // of sizes KiB, not KB
    if (binary && value != 0 && value % u.worth == 0) largest = &u;
  }
  if (value == 0 && what == quantity::time) return "0s";
  return std::to_string(value / largest->worth) + std::string(largest->name);
}

std::string quantity_pattern(quantity what) { return "^[0-9]+(\\.[0-9]+)?(" + names_of(what, "|") + ")$"; }

std::string quantity_form(quantity what) {
  const bool time = what == quantity::time;
  return std::string(time ? "a duration such as \"250ms\"" : "a size such as \"512MiB\"") + " (" + names_of(what, ", ") + ")";
}

}  // namespace catena::detail
