// SPDX-License-Identifier: BSL-1.0
/// \file
/// A value is found again in whatever is said around it, and what is read out of any text can be written and read again.
#include <catena/llm/schema.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "fuzz/fuzz.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace catena::fuzz::answer_reading_target {

enum class kind { one, two };
BOOST_DESCRIBE_ENUM(kind, one, two)
struct node {
  std::string t;
  std::optional<std::int8_t> n = {};
  bool b = false;
  float f = 0;
  kind k{};
  std::vector<node> c = {};
  std::map<std::string, std::uint64_t> m = {};
};
BOOST_DESCRIBE_STRUCT(node, (), (t, n, b, f, k, c, m))

/// The fuzzer's bytes, and instead of some what answers are made of.
std::string text_of(input& in) {
  static constexpr std::string_view words[] = {"```", "```json\n", "{", "}", "[", "]", "\"", "\\", ":", ",", "null", "\"t\":\"\"", "\"n\":", "\"b\":true", "\"f\":1.5",
                                               "\"k\":\"one\"", "\"c\":[]", "\"m\":{}", "{\"t\":\"\",\"b\":true,\"f\":0,\"k\":\"two\",\"m\":{},\"c\":[", "-1", "300", "\n"};
  return in.rest(words);
}

/// Printable, so that it is UTF-8.
std::string some_text(input& in) {
  std::string text(in.below(8), ' ');
  for (char& c : text) c = static_cast<char>(32 + in.below(95));
  return text;
}

node some_node(input& in, int levels) {
  node v;
  v.t = some_text(in);
  if (in.below(2) == 0) v.n = static_cast<std::int8_t>(in.byte());
  v.b = in.below(2) == 0;
  v.f = static_cast<float>(static_cast<std::int32_t>(in.number(4))) / 7;
  v.k = in.below(2) == 0 ? kind::one : kind::two;
  for (std::size_t i = in.below(3); i > 0 && levels > 0; --i) v.c.push_back(some_node(in, levels - 1));
  for (std::size_t i = in.below(3); i > 0; --i) v.m[some_text(in)] = in.number(8);
  return v;
}

/// What is said around a value has no brackets and no marks of a block.
std::string prose(input& in) {
  std::string text = some_text(in);
  std::erase_if(text, [](char c) { return c == '{' || c == '`'; });
  return text;
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  const std::string written = llm::write_json(some_node(in, 3));
  const bool fenced = in.below(2) == 0;
  const std::string before = prose(in) + (fenced ? "```json\n" : ""), behind = (fenced ? "\n```" : "") + prose(in);
  const result<node> found = llm::read_json<node>(before + written + behind);
  // A string may hold the marks of a block, which then end too early; without them it is found by its brackets.
  require(found.has_value() && llm::write_json(*found) == written);

  const result<node> any = llm::read_json<node>(text_of(in));
  if (!any) return;
  const std::string again = llm::write_json(*any);
  require(llm::write_json(llm::read_json<node>(again).value()) == again);
}

const target registered("answer_reading", on_input);

}  // namespace catena::fuzz::answer_reading_target
