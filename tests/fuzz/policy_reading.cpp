// SPDX-License-Identifier: BSL-1.0
// Policy documents: texts of any bytes, and documents that are nearly right, since bytes alone seldom become one.
#include <catena/policy/document.hpp>

#include "src/policy/option_table.hpp"
#include "src/policy/quantities.hpp"

#include <limits>
#include <string>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::policy_reading_target {

using detail::option_field;
using detail::option_kind;
using detail::option_shape;

/// A document, and how many things are wrong with it.
class writer {
 public:
  explicit writer(input& in) : in_(in) {}

  std::string write() { return object(detail::document_shape, 0); }
  [[nodiscard]] int faults() const noexcept { return faults_; }

 private:
  std::string object(const option_shape& shape, int depth) {
    std::string text;
    const auto add = [&](const std::string& key, const std::string& value) { text += (text.empty() ? "\"" : ",\"") + key + "\":" + value; };
    if (shape.each) {
      for (std::size_t n = in_.below(3); n-- > 0;) add("a/" + std::to_string(n), value_of(*shape.each, depth + 1));
      return "{" + text + "}";
    }
    if (shape.options)
      for (const option_field& f : shape.options->fields)
        if (in_.below(3) == 0) add(std::string(f.name), value_of(f));
    for (const option_shape& child : shape.children)
      if (in_.below(2) == 0) add(std::string(child.name), value_of(child, depth + 1));
    if (in_.below(32) == 0) {
      ++faults_;
      add("unheard_of", "{}");
    }
    return "{" + text + "}";
  }
  std::string value_of(const option_shape& shape, int depth) {
    if (in_.below(32) != 0) return shape.is_scalar ? value_of(shape.options->fields.front()) : object(shape, depth);
    ++faults_;
    return in_.below(2) == 0 ? "[{}]" : "null";
  }
  std::string value_of(const option_field& f) {
    if (in_.below(16) == 0) {
      ++faults_;
      return "null";
    }
    switch (f.kind) {
      case option_kind::choice: return "\"" + std::string(f.choices[in_.below(f.choices.size())]) + "\"";
      case option_kind::number: return detail::number_text(f.least_number + (f.most_number - f.least_number) / static_cast<double>(1 + in_.byte()));
      case option_kind::count: return std::to_string(whole(f));
      case option_kind::time:
      case option_kind::size: break;
    }
    return "\"" + quantity_text(f) + "\"";
  }
  std::int64_t whole(const option_field& f) {
    const auto value = static_cast<std::int64_t>(in_.number(static_cast<int>(in_.below(9))) & 0x7fff'ffff'ffff'ffff);
    if (value < f.least || value > f.most) ++faults_;
    return value;
  }
  /// So many of a unit, which may be more than can be counted.
  std::string quantity_text(const option_field& f) {
    const bool is_time = f.kind == option_kind::time;
    const std::int64_t minute = 60'000'000'000, mebibyte = 1 << 20;
    const std::int64_t value = static_cast<std::int64_t>(in_.number(static_cast<int>(in_.below(9))) & 0x7fff'ffff'ffff'ffff);
    __extension__ using wide = __int128;
    if (in_.below(2) == 0) {
      if (value < f.least || value > f.most) ++faults_;
      return write_quantity(is_time ? detail::quantity::time : detail::quantity::size, value);
    }
    const wide product = static_cast<wide>(value) * (is_time ? minute : mebibyte);
    if (product < f.least || product > f.most) ++faults_;
    return std::to_string(value) + (is_time ? "min" : "MiB");
  }

  input& in_;
  int faults_ = 0;
};

void check_reading(const std::string& text, const policy_document::reading& read) {
  if (read) {
    const std::string written = read->to_json();
    const auto again = policy_document::read(written);
    require(again.has_value() && *again == *read && again->to_json() == written);
    return;
  }
  require(!read.error().all.empty());
  for (const policy_fault& f : read.error().all) {
    require(f.pointer.empty() || f.pointer.front() == '/');
    require(!f.text.empty() && f.text.size() < 400);
    require(f.pointer.size() <= 2 * text.size() + 64);
  }
}

void on_input(const std::uint8_t* data, std::size_t size) {
  if (size != 0 && data[0] % 2 == 0) {
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    check_reading(text, policy_document::read(text));
    return;
  }
  input in(data + (size != 0), size - (size != 0));
  writer document(in);
  const std::string text = document.write();
  const auto read = policy_document::read(text);
  check_reading(text, read);
  int told = 0;  // but for what options may not be together
  if (read.has_error())
    for (const policy_fault& f : read.error().all) told += f.text.find("_options::") == std::string::npos;
  require(told == document.faults());
}

const target registered("policy_reading", on_input);

}  // namespace catena::fuzz::policy_reading_target
