// SPDX-License-Identifier: BSL-1.0
#include <catena/policy/document.hpp>

#include "option_table.hpp"
#include "quantities.hpp"

#include <nlohmann/json.hpp>

namespace catena {
namespace detail {
namespace {

using json = nlohmann::ordered_json;

json written(const option_field& f, const option_value& value) {
  if (const double* number = std::get_if<double>(&value)) return *number;
  if (f.kind == option_kind::count) return std::get<std::int64_t>(value);
  return to_text(f, value);
}

std::string description_of(const option_field& f) {
  const bool has_bounds = f.kind == option_kind::time || f.kind == option_kind::size;  // the others' are keywords of the schema
  return std::string(f.about) + (has_bounds ? ": " + range_of(f) : "");
}

json schema_of(const option_field& f) {
  json j;
  switch (f.kind) {
    case option_kind::time: j["$ref"] = "#/$defs/duration"; break;
    case option_kind::size: j["$ref"] = "#/$defs/size"; break;
    case option_kind::choice: j["enum"] = f.choices; break;
    case option_kind::count:
      j["type"] = "integer";
      j["minimum"] = f.least;
      j["maximum"] = f.most;
      break;
    case option_kind::number:
      j["type"] = "number";
      j["minimum"] = f.least_number;
      j["maximum"] = f.most_number;
      break;
  }
  j["description"] = description_of(f);
  return j;
}

json schema_of(const option_shape& shape) {
  if (shape.is_scalar) {
    json j = schema_of(shape.options->fields.front());
    j["description"] = std::string(shape.about) + ": " + range_of(shape.options->fields.front());
    return j;
  }
  json j;
  j["type"] = "object";
  j["description"] = shape.about;
  if (shape.each) {
    j["propertyNames"]["minLength"] = 1;
    j["additionalProperties"] = schema_of(*shape.each);
    return j;
  }
  json& properties = j["properties"];
  if (&shape == &document_shape) properties["$schema"] = json::object();
  if (shape.options)
    for (const option_field& f : shape.options->fields) properties[std::string(f.name)] = schema_of(f);
  for (const option_shape& child : shape.children) properties[std::string(child.name)] = schema_of(child);
  j["additionalProperties"] = false;
  return j;
}

}  // namespace
}  // namespace detail

std::string policy_document::to_json() const {
  detail::json root = detail::json::object();
  for (const detail::policy_entry& entry : entries_) {
    detail::json* at = &root;
    for (const std::string& name : entry.path) at = &(*at)[name];
    for (const auto& [field, value] : entry.settings) {
      const detail::option_field& f = entry.shape->options->fields[field];
      if (entry.shape->is_scalar) *at = detail::written(f, value);
      else (*at)[std::string(f.name)] = detail::written(f, value);
    }
  }
  return root.dump(2);
}

std::string policy_document::schema() {
  detail::json root;
  root["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  root["title"] = "catena policies";
  root.update(detail::schema_of(detail::document_shape));
  detail::json& defs = root["$defs"];
  defs["duration"]["type"] = "string";
  defs["duration"]["pattern"] = detail::quantity_pattern(detail::quantity::time);
  detail::json text, bytes;
  text["type"] = "string";
  text["pattern"] = detail::quantity_pattern(detail::quantity::size);
  bytes["type"] = "integer";
  bytes["minimum"] = 0;
  defs["size"]["anyOf"] = {text, bytes};
  return root.dump(2);
}

}  // namespace catena
