// SPDX-License-Identifier: BSL-1.0
#include <catena/policy/document.hpp>

#include "json_tree.hpp"
#include "nearest.hpp"
#include "option_table.hpp"
#include "quantities.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace catena {
namespace detail {
namespace {

/// Reads what a document says, and notes all that is wrong with it.
class policy_reader {
 public:
  std::vector<policy_entry> entries;
  std::vector<policy_fault> faults;

  void read(const json_tree& root) {
    read_object(document_shape, root);
    if (faults.empty() && root.is != json_tree::type::object) fault("", "must be an object, is " + shown(root));
  }

 private:
  void fault(std::string_view key, std::string text) { faults.push_back({pointer_to(path_, key), std::move(text)}); }

  void read_shape(const option_shape& shape, const std::string& key, const json_tree& value) {
    path_.push_back(key);
    if (shape.is_scalar) read_scalar(shape, value);
    else read_object(shape, value);
    path_.pop_back();
  }

  void read_scalar(const option_shape& shape, const json_tree& value) {
    if (const auto read = read_value(shape.options->fields.front(), "", value)) entries.push_back({path_, &shape, {{0, *read}}});
  }

  void read_object(const option_shape& shape, const json_tree& value) {
    if (value.is != json_tree::type::object) return fault("", "must be an object, is " + shown(value));
    const std::size_t entry = entries.size();
    if (shape.options) entries.push_back({path_, &shape, {}});
    for (const auto& [key, member] : value.members) read_member(shape, entry, key, member);
    if (!shape.options) return;
    expect_possible(entries[entry]);
    if (entries[entry].settings.empty()) entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(entry));
  }

  void read_member(const option_shape& shape, std::size_t entry, const std::string& key, const json_tree& member) {
    if (shape.each) {
      if (key.empty()) return fault_empty_name();
      return read_shape(*shape.each, key, member);
    }
    if (shape.options) {
      const auto& fields = shape.options->fields;
      const auto found = std::ranges::find(fields, key, &option_field::name);
      if (found != fields.end()) {
        if (const auto read = read_value(*found, key, member))
          entries[entry].settings.push_back({static_cast<std::size_t>(found - fields.begin()), *read});
        return;
      }
    }
    if (const auto child = std::ranges::find(shape.children, key, &option_shape::name); child != shape.children.end())
      return read_shape(*child, key, member);
    if (&shape == &document_shape && key == "$schema") return;  // for editors
    std::vector<std::string_view> known;
    if (shape.options)
      for (const option_field& f : shape.options->fields) known.push_back(f.name);
    for (const option_shape& child : shape.children) known.push_back(child.name);
    faults.push_back({pointer_to(path_) + pointer_to(std::array{key}), "is not known; the nearest that is: '" + nearest_to(key, known) + "'"});
  }

  void fault_empty_name() { faults.push_back({pointer_to(path_) + "/", "must have a name"}); }

  std::optional<option_value> read_value(const option_field& f, std::string_view key, const json_tree& value) {
    std::optional<option_value> read;
    switch (f.kind) {
      case option_kind::time: read = read_time(f, key, value); break;
      case option_kind::size: read = read_size(f, key, value); break;
      case option_kind::choice: return read_choice(f, key, value);
      case option_kind::count:
        if (value.is == json_tree::type::whole) read = value.whole;
        else if (value.is == json_tree::type::number) fault_range(f, key, value);
        else fault(key, "must be a whole number, is " + shown(value));
        break;
      case option_kind::number:
        if (value.is == json_tree::type::whole) read = static_cast<double>(value.whole);
        else if (value.is == json_tree::type::number) read = value.number;
        else fault(key, "must be a number, is " + shown(value));
        break;
    }
    if (!read || in_range(f, *read)) return read;
    fault_range(f, key, value);
    return std::nullopt;
  }

  std::optional<option_value> read_time(const option_field& f, std::string_view key, const json_tree& value) {
    if (value.is == json_tree::type::text) return read_text(quantity::time, f, key, value);
    fault(key, "must be " + quantity_form(quantity::time) + ", is " + shown(value));
    return std::nullopt;
  }
  std::optional<option_value> read_size(const option_field& f, std::string_view key, const json_tree& value) {
    if (value.is == json_tree::type::whole) return value.whole;
    if (value.is == json_tree::type::text) return read_text(quantity::size, f, key, value);
    fault(key, "must be " + quantity_form(quantity::size) + ", or bytes, is " + shown(value));
    return std::nullopt;
  }
  std::optional<option_value> read_text(quantity what, const option_field& f, std::string_view key, const json_tree& value) {
    std::int64_t read = 0;
    switch (read_quantity(what, value.text, read)) {
      case reading_end::good: return read;
      case reading_end::malformed:
        fault(key, "must be " + quantity_form(what) + (what == quantity::size ? ", or bytes" : "") + ", is " + shown(value));
        break;
      case reading_end::too_large: fault_range(f, key, value); break;
      case reading_end::too_fine:
        fault(key, std::string("must be a whole number of ") + (what == quantity::time ? "ns" : "bytes") + ", is " + shown(value));
        break;
    }
    return std::nullopt;
  }
  std::optional<option_value> read_choice(const option_field& f, std::string_view key, const json_tree& value) {
    const auto found = std::ranges::find(f.choices, std::string_view(value.text));
    if (value.is == json_tree::type::text && found != f.choices.end()) return option_value(static_cast<std::int64_t>(found - f.choices.begin()));
    const std::string nearest = value.is == json_tree::type::text ? "; the nearest: '" + nearest_to(value.text, f.choices) + "'" : "";
    fault(key, "must be " + range_of(f) + ", is " + shown(value) + nearest);
    return std::nullopt;
  }
  void fault_range(const option_field& f, std::string_view key, const json_tree& value) {
    fault(key, "must be " + range_of(f) + ", is " + shown(value));
  }

  /// What they say together must be possible, whatever the options are that are not named: those are tried as they are by
  /// default, as small as may be and as large.
  void expect_possible(const policy_entry& entry) {
    const option_table& table = *entry.shape->options;
    std::string why;
    for (const auto others : {others_are::defaults, others_are::least, others_are::most}) {
      const std::shared_ptr<void> options = table.make();
      for (const option_field& f : table.fields)
        if (others != others_are::defaults) f.set(options.get(), bound_of(f, others));
      for (const auto& [field, value] : entry.settings) table.fields[field].set(options.get(), value);
      try {
        return table.check(options.get());
      } catch (const std::invalid_argument& e) {
        if (why.empty()) why = e.what();
      }
    }
    fault("", why);
  }
  enum class others_are : std::uint8_t { defaults, least, most };
  static option_value bound_of(const option_field& f, others_are what) noexcept {
    const bool least = what == others_are::least;
    if (f.kind == option_kind::number) return least ? f.least_number : f.most_number;
    return least ? f.least : f.most;
  }

  std::vector<std::string> path_;
};

}  // namespace
}  // namespace detail

std::string policy_faults::to_string() const {
  std::string text;
  for (const policy_fault& f : all) text += (text.empty() ? "" : "\n") + f.to_string();
  return text;
}

void throw_exception_from_error(const policy_faults& faults, const boost::source_location&) {
  throw std::invalid_argument(faults.to_string());
}

policy_document::reading policy_document::read(std::string_view text) {
  detail::policy_reader reader;
  const detail::json_tree root = detail::read_json(text, reader.faults);
  // What is no JSON is not looked at any further.
  const auto is_whole = [](const policy_fault& f) { return f.pointer.empty() || f.text.starts_with("is nested"); };
  if (std::ranges::none_of(reader.faults, is_whole)) reader.read(root);
  if (!reader.faults.empty()) return policy_faults{std::move(reader.faults)};
  return policy_document(std::move(reader.entries));
}

}  // namespace catena
