// SPDX-License-Identifier: BSL-1.0
#include "shape_writer.hpp"

#include <catena/llm/schema.hpp>

#include "request_body.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <vector>

namespace catena::llm {
namespace {

using nlohmann::ordered_json;
using detail::shape;
using detail::shape_kind;

/// Calls `visit` for each struct in it; true: go on into its fields.
void for_each_struct(const shape& s, const std::function<bool(const shape&)>& enter, const std::function<void()>& leave) {
  if (s.item) return for_each_struct(s.item(), enter, leave);
  if (s.kind != shape_kind::object || !enter(s)) return;
  for (const detail::shape_field& f : s.fields) for_each_struct(f.of(), enter, leave);
  leave();
}

class schema_writer {
 public:
  /// Structs that contain themselves are defined once, by a number, and referred to.
  explicit schema_writer(const shape& root) {
    std::vector<const shape*> around, seen;
    for_each_struct(
        root,
        [&](const shape& s) {
          if (std::ranges::find(around, &s) != around.end()) definitions_.try_emplace(&s, "type" + std::to_string(definitions_.size() + 1));
          if (std::ranges::find(seen, &s) != seen.end()) return false;
          seen.push_back(&s);
          around.push_back(&s);
          return true;
        },
        [&] { around.pop_back(); });
  }

  ordered_json write(const shape& root) {
    ordered_json j = of(root, true);
    for (const auto& [s, name] : definitions_) j["$defs"][name] = object(*s);
    return j;
  }

 private:
  ordered_json of(const shape& s, bool is_root = false) const {
    switch (s.kind) {
      case shape_kind::boolean: return {{"type", "boolean"}};
      case shape_kind::whole: return whole(s);
      case shape_kind::number: return {{"type", "number"}};
      case shape_kind::text: return {{"type", "string"}};
      case shape_kind::optional: return {{"anyOf", ordered_json::array({of(s.item()), {{"type", "null"}}})}};
      case shape_kind::list: return {{"type", "array"}, {"items", of(s.item())}};
      case shape_kind::map: return {{"type", "object"}, {"additionalProperties", of(s.item())}};
      case shape_kind::choice: return {{"type", "string"}, {"enum", std::vector<std::string>(s.names.begin(), s.names.end())}};
      case shape_kind::object: break;
    }
    const auto defined = definitions_.find(&s);
    if (defined == definitions_.end() || is_root) return object(s);
    return {{"$ref", "#/$defs/" + defined->second}};
  }

  /// Bounds where they say something: what is too large for an int is no model's mistake.
  static ordered_json whole(const shape& s) {
    ordered_json j{{"type", "integer"}};
    if (s.least == 0 || s.most < std::numeric_limits<std::int32_t>::max()) j["minimum"] = s.least;
    if (s.most < std::numeric_limits<std::int32_t>::max()) j["maximum"] = s.most;
    return j;
  }

  ordered_json object(const shape& s) const {
    ordered_json j{{"type", "object"}};
    if (!s.note.empty()) j["description"] = s.note;
    ordered_json& properties = j["properties"] = ordered_json::object();
    ordered_json required = ordered_json::array();
    for (const detail::shape_field& f : s.fields) {
      ordered_json& field = properties[f.name] = of(f.of());
      if (!f.note.empty()) field["description"] = f.note;
      required.push_back(f.name);
    }
    j["required"] = std::move(required);
    j["additionalProperties"] = false;
    return j;
  }

  std::map<const shape*, std::string> definitions_;
};

/// With the digits that the type has: 0.1f is 0.1.
double number_of(const shape& s, const void* value) {
  const double d = s.number(value);
  if (s.largest > std::numeric_limits<float>::max() || !std::isfinite(d)) return d;
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, static_cast<float>(d)).ptr;
  double rounded = d;
  std::from_chars(digits, end, rounded);
  return rounded;
}

ordered_json items_of(const shape& s, const void* value) {
  struct items {
    const shape& of;
    ordered_json all;
  } context{s.item(), s.kind == shape_kind::list ? ordered_json::array() : s.kind == shape_kind::map ? ordered_json::object() : ordered_json()};
  s.each(value, {[](void* c, const std::string* key, const void* item) {
                   auto& it = *static_cast<items*>(c);
                   ordered_json j = written(it.of, item);
                   if (key) it.all[*key] = std::move(j);
                   else if (it.all.is_array()) it.all.push_back(std::move(j));
                   else it.all = std::move(j);
                 },
                 &context});
  return std::move(context.all);
}

}  // namespace

ordered_json written(const shape& s, const void* value) {
  switch (s.kind) {
    case shape_kind::boolean: return s.bits(value) != 0;
    case shape_kind::whole: return s.least < 0 ? ordered_json(static_cast<std::int64_t>(s.bits(value))) : ordered_json(s.bits(value));
    case shape_kind::number: return number_of(s, value);
    case shape_kind::text: return *static_cast<const std::string*>(value);
    case shape_kind::choice: {
      const std::uint64_t place = s.bits(value);
      return place < s.names.size() ? ordered_json(s.names[place]) : ordered_json();
    }
    case shape_kind::optional:
    case shape_kind::list:
    case shape_kind::map: return items_of(s, value);
    case shape_kind::object: break;
  }
  ordered_json j = ordered_json::object();
  for (const detail::shape_field& f : s.fields) j[f.name] = written(f.of(), f.in(const_cast<void*>(value)));
  return j;
}

ordered_json schema_of_shape(const shape& of) { return schema_writer(of).write(of); }

bool has_maps(const shape& of) {
  std::vector<const shape*> seen;
  const std::function<bool(const shape&)> look = [&](const shape& s) -> bool {
    if (s.kind == shape_kind::map) return true;
    if (s.item) return look(s.item());
    if (s.kind != shape_kind::object || std::ranges::find(seen, &s) != seen.end()) return false;
    seen.push_back(&s);
    return std::ranges::any_of(s.fields, [&](const detail::shape_field& f) { return look(f.of()); });
  };
  return look(of);
}

namespace detail {

std::string schema_text(const shape& of) { return text_of(schema_of_shape(of)); }
std::string json_text(const shape& of, const void* value) { return text_of(written(of, value)); }

}  // namespace detail
}  // namespace catena::llm
