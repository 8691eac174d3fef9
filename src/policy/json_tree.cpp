// SPDX-License-Identifier: BSL-1.0
#include "json_tree.hpp"

#include "option_table.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>

namespace catena::detail {
namespace {

constexpr std::size_t most_bytes = 4UL << 20;
constexpr std::size_t most_deep = 32;

/// What the parser tells, as a tree. It stops it where the text is too deep.
class json_tree_builder {
 public:
  using json = nlohmann::json;

  explicit json_tree_builder(std::string_view text, std::vector<policy_fault>& faults) : text_(text), faults_(faults) {}

  [[nodiscard]] json_tree take() && { return std::move(root_); }

  bool null() { return add({}); }
  bool boolean(bool b) { return add({.is = json_tree::type::boolean, .whole = b}); }
  bool number_integer(std::int64_t n) { return add({.is = json_tree::type::whole, .whole = n}); }
  bool number_unsigned(std::uint64_t n) {
    if (n <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return number_integer(static_cast<std::int64_t>(n));
    return add({.is = json_tree::type::number, .number = static_cast<double>(n)});
  }
  bool number_float(double n, const std::string&) {
    // A whole number is one however it is written.
    if (std::trunc(n) == n && std::abs(n) < 0x1p53) return number_integer(static_cast<std::int64_t>(n));
    return add({.is = json_tree::type::number, .number = n});
  }
  bool string(std::string& s) { return add({.is = json_tree::type::text, .text = std::move(s)}); }
  bool binary(json::binary_t&) { return false; }  // not in a text

  bool start_object(std::size_t) { return begin({.is = json_tree::type::object}); }
  bool end_object() { return end(); }
  bool start_array(std::size_t) { return begin({.is = json_tree::type::list}); }
  bool end_array() { return end(); }

  bool key(std::string& name) {
    level& in = open_.back();
    in.key = name;
    in.is_wanted = in.of && in.seen.insert(name).second;
    if (in.of && !in.is_wanted) fault("the key is there twice");
    return true;
  }

  bool parse_error(std::size_t position, const std::string& token, const json::exception& e) {
    const std::string_view before = text_.substr(0, std::min(position == 0 ? 0 : position - 1, text_.size()));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t newline = before.rfind('\n');
    const std::size_t column = before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
    constexpr int number_overflow = 406;
    const bool ends = before.size() >= text_.size();
    if (e.id == number_overflow) fault("is a number that is too large: " + shown(token));
    faults_.push_back({"", "is not JSON: line " + std::to_string(line) + ", column " + std::to_string(column) +
                               (ends ? ": the text ends too early, after " : ": not expected: ") + shown(token)});
    return false;
  }

 private:
  /// An object or a list that is being read.
  struct level {
    json_tree* of = nullptr;  ///< null: it is not kept
    bool is_list = false;
    bool is_wanted = false;   ///< what comes next is
    std::string key = {};
    std::unordered_set<std::string> seen = {};
  };

  /// Where the next value goes; null: nowhere.
  json_tree* place(json_tree&& value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    level& in = open_.back();
    if (!std::exchange(in.is_wanted, false)) return nullptr;
    return &in.of->members.emplace_back(in.key, std::move(value)).second;
  }
  bool add(json_tree&& value) {
    static_cast<void>(place(std::move(value)));
    return true;
  }
  bool begin(json_tree&& value) {
    const bool is_list = value.is == json_tree::type::list;
    json_tree* const at = place(std::move(value));
    if (open_.size() == most_deep) {
      fault("is nested more than " + std::to_string(most_deep) + " deep");
      return false;
    }
    open_.push_back({.of = is_list ? nullptr : at, .is_list = is_list});
    return true;
  }
  bool end() {
    open_.pop_back();
    return true;
  }
  void fault(std::string text) {
    std::vector<std::string> path;
    for (auto l = open_.begin(); l != open_.end() && !l->is_list; ++l) path.push_back(l->key);
    faults_.push_back({pointer_to(path), std::move(text)});
  }

  std::string_view text_;
  std::vector<policy_fault>& faults_;
  json_tree root_;
  std::vector<level> open_;  ///< members are added to the last one only, so that none is moved while it is open
};

}  // namespace

json_tree read_json(std::string_view text, std::vector<policy_fault>& faults) {
  if (text.size() > most_bytes) {
    faults.push_back({"", "is longer than " + std::to_string(most_bytes >> 20) + " MiB"});
    return {};
  }
  json_tree_builder builder(text, faults);
  static_cast<void>(nlohmann::json::sax_parse(text.begin(), text.end(), &builder));
  return std::move(builder).take();
}

std::string shown(std::string_view text) {
  constexpr std::size_t most = 40;
  std::string clean = "'";
  for (const char c : text.substr(0, most)) clean += c >= ' ' && c <= '~' ? c : '?';
  return clean + (text.size() > most ? "...'" : "'");
}

std::string shown(const json_tree& value) {
  switch (value.is) {
    case json_tree::type::null: return "null";
    case json_tree::type::boolean: return value.whole != 0 ? "true" : "false";
    case json_tree::type::whole: return std::to_string(value.whole);
    case json_tree::type::number: return number_text(value.number);
    case json_tree::type::text: return shown(value.text);
    case json_tree::type::list: return "a list";
    case json_tree::type::object: break;
  }
  return "an object";
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace catena::detail
