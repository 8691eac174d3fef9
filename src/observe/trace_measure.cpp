// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/trace_measure.hpp>

#include <algorithm>

namespace catena {

std::array<duration, span_part_count> time_by_part(const trace_span& s) noexcept {
  std::array<duration, span_part_count> sums{};
  for (const trace_part& p : s.parts) sums[static_cast<std::size_t>(p.what)] += p.ended - p.began;
  return sums;
}

time_point end_of(const trace_span& s, const trace& within) noexcept {
  if (s.ended != time_point{}) return s.ended;
  return std::max(s.began, within.spans.front().ended);
}

bool is_said_again(const trace_span& s, std::size_t attribute) noexcept {
  const std::string& name = s.attributes[attribute].first;
  return std::any_of(s.attributes.begin() + static_cast<std::ptrdiff_t>(attribute) + 1, s.attributes.end(), [&](const auto& later) { return later.first == name; });
}

std::size_t approximate_bytes(const trace& t) noexcept {
  std::size_t bytes = sizeof t;
  for (const trace_span& s : t.spans) {
    bytes += sizeof s + s.name.size() + s.parts.size() * sizeof(trace_part) + s.links.size() * sizeof(trace_link);
    if (s.why.is_set()) bytes += s.why.message().size() + s.why.path().size();
    for (const auto& [name, value] : s.attributes) {
      bytes += sizeof name + sizeof value + name.size();
      if (const auto* text = std::get_if<std::string>(&value)) bytes += text->size();
    }
  }
  return bytes;
}

std::string error_type_of(const failure& why) {
  if (why.code().category() == error_category())
    if (const std::string_view name = name_of(static_cast<errc>(why.code().value())); !name.empty()) return std::string(name);
  return std::string(why.code().category().name()) + ":" + std::to_string(why.code().value());
}

}  // namespace catena
