// SPDX-License-Identifier: BSL-1.0
#include "manifest_file.hpp"
#include "whole_file.hpp"

#include <catena/error.hpp>
#include <catena/torch/row.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace catena::torch {
namespace {

using nlohmann::json;

constexpr int manifest_format = 1;
constexpr std::array<std::pair<precision, std::string_view>, 3> precisions{
    {{precision::as_saved, "as_saved"}, {precision::bfloat16, "bfloat16"}, {precision::float16, "float16"}}};

std::string manifest_path(const std::string& file) { return file + ".json"; }

std::string_view to_text(precision p) {
  return std::ranges::find(precisions, p, &std::pair<precision, std::string_view>::first)->second;
}

precision precision_in(const json& j) {
  const auto text = j.get<std::string>();
  const auto found = std::ranges::find(precisions, std::string_view(text), &std::pair<precision, std::string_view>::second);
  if (found == precisions.end()) throw std::runtime_error("there is no precision '" + text + "'");
  return found->first;
}

dtype dtype_in(const json& j) {
  const auto text = j.get<std::string>();
  const auto found = std::ranges::find_if(all_dtypes, [&](dtype t) { return to_string(t) == text; });
  if (found == all_dtypes.end()) throw std::runtime_error("there is no dtype '" + text + "'");
  return *found;
}

json to_json(const input_options& i) { return {{"name", i.name}, {"dtype", std::string(to_string(i.dtype))}, {"shape", i.shape}}; }

json to_json(const output_options& o) {
  json j{{"name", o.name}, {"shape", o.shape}};
  if (o.dtype) j["dtype"] = std::string(to_string(*o.dtype));
  return j;
}

template <class Spec>
json to_json(const std::vector<Spec>& specs) {
  json j = json::array();
  for (const Spec& s : specs) j.push_back(to_json(s));
  return j;
}

input_options input_in(const json& j) {
  return {.name = j.at("name"), .dtype = dtype_in(j.at("dtype")), .shape = j.at("shape").get<std::vector<std::int64_t>>()};
}

output_options output_in(const json& j) {
  output_options o{.name = j.at("name"), .dtype = {}, .shape = j.at("shape").get<std::vector<std::int64_t>>()};
  if (j.contains("dtype")) o.dtype = dtype_in(j.at("dtype"));
  return o;
}

manifest manifest_in(const json& j) {
  if (j.at("format").get<int>() != manifest_format) throw std::runtime_error("it has the format " + j.at("format").dump());
  manifest m{.name = j.at("name"),
             .version = j.at("version"),
             .method = j.at("method"),
             .compute_in = precision_in(j.at("compute_in")),
             .content_hash = j.at("content_hash"),
             .libtorch = j.at("libtorch")};
  for (const json& i : j.at("inputs")) m.inputs.push_back(input_in(i));
  for (const json& o : j.at("outputs")) m.outputs.push_back(output_in(o));
  if (m.inputs.empty() || m.outputs.empty()) throw std::runtime_error("it has no inputs or no outputs");
  return m;
}

std::string described(const input_options& i) { return std::string(to_string(i.dtype)) + " " + to_string(i.shape); }
std::string described(const output_options& o) {
  return (o.dtype ? std::string(to_string(*o.dtype)) : "any dtype") + " " + (o.shape.empty() ? "of any shape" : to_string(o.shape));
}

/// What both say must agree; what one of them leaves open is taken from the other.
bool agree(const input_options& a, const input_options& b) { return a == b; }
bool agree(const output_options& a, const output_options& b) {
  return a.name == b.name && (!a.dtype || !b.dtype || a.dtype == b.dtype) && (a.shape.empty() || b.shape.empty() || a.shape == b.shape);
}

template <class Spec>
std::string difference(const char* what, const std::vector<Spec>& saved, const std::vector<Spec>& said) {
  if (saved.size() != said.size())
    return "its manifest has " + std::to_string(saved.size()) + " " + what + "s, the options say " + std::to_string(said.size());
  for (std::size_t i = 0; i < saved.size(); ++i)
    if (!agree(saved[i], said[i]))
      return std::string(what) + " '" + saved[i].name + "' is " + described(saved[i]) + " in its manifest, the options say '" +
             said[i].name + "', " + described(said[i]);
  return {};
}

template <class Spec>
std::vector<Spec> one_or_several(const Spec& one, const std::vector<Spec>& several) {
  return several.empty() ? std::vector{one} : several;
}

}  // namespace

std::optional<manifest> read_manifest(const std::string& file) {
  const std::string path = manifest_path(file);
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  try {
    return manifest_in(json::parse(in));
  } catch (const std::exception& e) {
    throw error(failure(errc::model_invalid, "'" + path + "' is no manifest: " + e.what()).with_cause(std::current_exception()));
  }
}

void write_manifest(const std::string& file, const manifest& m) {
  const json j{{"format", manifest_format},
               {"name", m.name},
               {"version", m.version},
               {"method", m.method},
               {"compute_in", std::string(to_text(m.compute_in))},
               {"inputs", to_json(m.inputs)},
               {"outputs", to_json(m.outputs)},
               {"content_hash", m.content_hash},
               {"libtorch", m.libtorch}};
  const std::string text = j.dump(2) + "\n";
  whole_file out(manifest_path(file));
  out.write(0, text.data(), text.size());
  out.appear();
}

script_options saved_model(const std::string& file) {
  const auto saved = read_manifest(file);
  if (!saved) throw error(failure(errc::model_not_found, "there is no manifest '" + manifest_path(file) + "'"));
  script_options options{.name = saved->name, .version = saved->version, .file = file, .method = saved->method};
  options.compute_in = saved->compute_in;
  if (saved->inputs.size() == 1) options.input = saved->inputs[0];
  else options.inputs = saved->inputs;
  if (saved->outputs.size() == 1) options.output = saved->outputs[0];
  else options.outputs = saved->outputs;
  return options;
}

std::string difference_between(const manifest& saved, const script_options& options) {
  if (saved.method != options.method)
    return "its manifest names the method '" + saved.method + "', the options say '" + options.method + "'";
  if (saved.compute_in != options.compute_in)
    return "it computes in " + std::string(to_text(saved.compute_in)) + " by its manifest, the options say " +
           std::string(to_text(options.compute_in));
  const std::string inputs = difference("input", saved.inputs, one_or_several(options.input, options.inputs));
  if (!inputs.empty()) return inputs;
  return difference("output", saved.outputs, one_or_several(options.output, options.outputs));
}

}  // namespace catena::torch
