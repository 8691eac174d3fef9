// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A JSON text as a tree that keeps what is needed to say what is wrong with it.
#include <catena/policy/document.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace catena::detail {

struct json_tree {
  enum class type : std::uint8_t { null, boolean, whole, number, text, list, object };

  type is = type::null;
  std::int64_t whole = 0;  ///< a boolean's, too
  double number = 0;       ///< of what is no whole number of 64 bits
  std::string text = {};
  std::vector<std::pair<std::string, json_tree>> members = {};  ///< each key once, in their order; what is in a list is not kept
};

/// Reads a text; keys that are there twice, and what keeps it from being JSON, are faults. What was read before is in the tree.
/// \errors none is thrown but std::bad_alloc
[[nodiscard]] json_tree read_json(std::string_view text, std::vector<policy_fault>& faults);

/// A value as a message shows it: short, and nothing but printable characters.
[[nodiscard]] std::string shown(const json_tree& value);
[[nodiscard]] std::string shown(std::string_view text);

/// A text as JSON writes it, quotes included.
[[nodiscard]] std::string json_text(std::string_view text);

}  // namespace catena::detail
