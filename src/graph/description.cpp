// SPDX-License-Identifier: BSL-1.0
#include <catena/graph/description.hpp>

#include <nlohmann/json.hpp>

#include <ostream>
#include <string_view>

namespace catena::graph {
namespace {

enum class language : bool { mermaid, dot };

/// What a character between quotes is written as where it means something there; empty: as itself. Mermaid takes it for HTML, too.
std::string_view written(char c, language in) {
  if (in == language::dot) return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : "";
  switch (c) {
    case '"': return "#quot;";
    case '<': return "#lt;";
    case '>': return "#gt;";
    case '&': return "#amp;";
    case '#': return "#35;";
    case '`': return "#96;";
    default: return {};
  }
}

std::string escaped(std::string_view text, language in) {
  std::string safe;
  for (const char c : text) {
    if (const std::string_view instead = written(c, in); !instead.empty()) safe += instead;
    else safe += c;
  }
  return safe;
}

/// What stands behind a stage, each after a `separator`.
std::string listed(const std::vector<alternative>& all, language in, std::string_view separator) {
  std::string text;
  for (const alternative& a : all) {
    text += separator;
    text += escaped(a.name, in);
    if (!a.label.empty()) text += " (" + escaped(a.label, in) + ")";
  }
  return text;
}

void add_mermaid(const description& d, const std::string& prefix, const std::string& indent, std::string& text) {
  const auto id = [&](std::uint32_t i) { return prefix + "s" + std::to_string(i); };
  for (std::uint32_t i = 0; i < d.stages.size(); ++i) {
    const auto& s = d.stages[i];
    const std::string label = escaped(s.name, language::mermaid);
    if (s.inner.empty()) {
      const std::string behind = listed(s.alternatives, language::mermaid, "<br/>");
      text += indent + id(i);
      text += s.kind == "function" ? "[\"" + label + "\"]\n" : "([\"" + label + "<br/><i>" + s.kind + "</i>" + behind + "\"])\n";
      continue;
    }
    text += indent + "subgraph " + id(i) + "[\"" + label + " <i>" + s.kind + "</i>\"]\n";
    for (std::size_t k = 0; k < s.inner.size(); ++k)
      add_mermaid(s.inner[k], id(i) + "_" + std::to_string(k), indent + "  ", text);
    text += indent + "end\n";
  }
  for (std::uint32_t i = 0; i < d.stages.size(); ++i) {
    for (const std::uint32_t input : d.stages[i].inputs) text += indent + id(input) + " --> " + id(i) + "\n";
    if (d.stages[i].takes_input && prefix.empty()) text += indent + "in --> " + id(i) + "\n";
  }
}

nlohmann::json to_json(const description& d) {
  nlohmann::json stages = nlohmann::json::array();
  for (const auto& s : d.stages) {
    nlohmann::json stage{{"name", s.name}, {"kind", s.kind}, {"type", s.type}, {"inputs", s.inputs}, {"takes_input", s.takes_input}};
    if (!s.inner.empty()) {
      stage["inner"] = nlohmann::json::array();
      for (const auto& inner : s.inner) stage["inner"].push_back(to_json(inner));
    }
    if (!s.needs.empty()) stage["needs"] = s.needs;
    for (const alternative& a : s.alternatives) stage["alternatives"].push_back({{"name", a.name}, {"label", a.label}});
    stages.push_back(std::move(stage));
  }
  return {{"name", d.name}, {"inputs", d.inputs}, {"output", d.output}, {"result", d.result}, {"stages", std::move(stages)}};
}

}  // namespace

description describe(const plan& p) {
  description d;
  d.name = p.name;
  d.output = std::string(p.result_type->name);
  for (const auto& input : p.inputs) d.inputs.emplace_back(input.type->name);
  for (std::uint32_t i = 0; i < p.stages.size(); ++i) {
    const auto& from = p.stages[i];
    auto& to = d.stages.emplace_back();
    to.is_nameless = from.name.empty();
    to.name = to.is_nameless ? p.name : from.name;
    to.kind = from.kind;
    to.type = std::string(from.type->name);
    to.inputs = from.producers;
    for (const operand& o : from.operands) to.takes_input = to.takes_input || o.plan_input != no_index;
    for (const auto& inner : from.inner) to.inner.push_back(describe(*inner));
    if (from.need) {
      to.needs = from.need->name();
      to.alternatives = from.need->alternatives();
    }
    if (i == p.result_stage) d.result = i;
  }
  return d;
}

std::string description::mermaid() const {
  std::string text = "flowchart TD\n  in([\"" + escaped(inputs.empty() ? name : inputs.front(), language::mermaid) + "\"])\n";
  add_mermaid(*this, "", "  ", text);
  text += "  s" + std::to_string(result) + " --> out([\"" + escaped(output, language::mermaid) + "\"])\n";
  return text;
}

std::string description::dot() const {
  std::string text = "digraph \"" + escaped(name, language::dot) + "\" {\n  rankdir=TB;\n  node [shape=box];\n  in [shape=oval, label=\"" +
                     escaped(inputs.empty() ? "" : inputs.front(), language::dot) + "\"];\n";
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const auto& s = stages[i];
    text += "  s" + std::to_string(i) + " [label=\"" + escaped(s.name, language::dot) + "\\n" + s.kind +
            listed(s.alternatives, language::dot, "\\n") + "\"];\n";
    if (s.takes_input) text += "  in -> s" + std::to_string(i) + ";\n";
    for (const std::uint32_t input : s.inputs) text += "  s" + std::to_string(input) + " -> s" + std::to_string(i) + ";\n";
  }
  text += "  out [shape=oval, label=\"" + escaped(output, language::dot) + "\"];\n  s" + std::to_string(result) + " -> out;\n}\n";
  return text;
}

std::ostream& operator<<(std::ostream& out, const description& d) { return out << d.mermaid(); }

std::string description::json() const { return to_json(*this).dump(2, ' ', false, nlohmann::json::error_handler_t::replace); }

}  // namespace catena::graph
