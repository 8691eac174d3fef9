// SPDX-License-Identifier: BSL-1.0
#include "shape_reader.hpp"

#include <catena/llm/schema.hpp>

#include "json_in_text.hpp"

#include <cmath>
#include <limits>

namespace catena::llm {
namespace {

using nlohmann::json;
using detail::shape;
using detail::shape_kind;

constexpr std::size_t most_faults = 8;
constexpr std::size_t most_steps = 64;  // of types that have items of their own type

std::string kind_of(const json& j) {
  switch (j.type()) {
    case json::value_t::null: return "null";
    case json::value_t::object: return "an object";
    case json::value_t::array: return "a list";
    case json::value_t::string: return "a text";
    case json::value_t::boolean: return "true or false";
    default: return "a number";
  }
}

std::string expected(const shape& s) {
  switch (s.kind) {
    case shape_kind::boolean: return "true or false";
    case shape_kind::whole:
      if (s.least < 0 && s.most >= std::numeric_limits<std::int32_t>::max()) return "a whole number";
      return "a whole number from " + std::to_string(s.least) + " to " + std::to_string(s.most);
    case shape_kind::number: return "a number";
    case shape_kind::text: return "a text";
    case shape_kind::optional: return expected(s.item());
    case shape_kind::list: return "a list";
    case shape_kind::map:
    case shape_kind::object: return "an object";
    case shape_kind::choice: break;
  }
  std::string all = "one of";
  for (const char* name : s.names) (all += all.size() == 6 ? " " : ", ") += json(name).dump();
  return all;
}

/// A whole number as its bits, if it is one that fits; models write 3.0, too.
std::optional<std::uint64_t> whole_in(const json& j, const shape& s) {
  if (j.is_number_unsigned()) {
    const auto n = j.get<std::uint64_t>();
    return n <= s.most ? std::optional(n) : std::nullopt;
  }
  std::int64_t n = 0;
  if (j.is_number_integer()) {
    n = j.get<std::int64_t>();
  } else {
    const double d = j.get<double>();
    if (d != std::trunc(d) || d < -9007199254740992.0 || d > 9007199254740992.0) return std::nullopt;
    n = static_cast<std::int64_t>(d);
  }
  if (n < s.least || (n > 0 && static_cast<std::uint64_t>(n) > s.most)) return std::nullopt;
  return static_cast<std::uint64_t>(n);
}

class reader {
 public:
  bool read(const shape& s, const json& j, void* to);
  [[nodiscard]] std::optional<misread> faults() const {
    return faults_ == 0 ? std::nullopt : std::optional(all_);
  }

 private:
  struct step {
    std::string told;
    bool is_hidden;
  };

  bool read_choice(const shape& s, const json& j, void* to);
  bool read_items(const shape& s, const json& j, void* to);
  bool read_object(const shape& s, const json& j, void* to);
  bool read_item(const shape& s, const json& j, void* to, const std::string& key, step at);

  bool fault(const shape& s, const std::string& found) { return fault(expected(s) + " is expected" + found); }
  bool fault(const std::string& what) {
    if (++faults_ > most_faults) return false;
    std::string told, shown;
    for (const step& p : path_) {
      std::string name;
      for (const char c : p.told) name += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
      told += "/" + name;
      shown += "/" + (p.is_hidden ? "*" : name);
    }
    const std::string between = faults_ == 1 ? "" : "; ";
    all_.told += between + (told.empty() ? "(document)" : told) + ": " + what;
    all_.shown += between + (shown.empty() ? "(document)" : shown) + ": " + what;
    return false;
  }

  std::vector<step> path_;
  std::size_t faults_ = 0;
  misread all_;
};

bool reader::read(const shape& s, const json& j, void* to) {
  const auto and_not = [&] { return fault(s, " and not " + kind_of(j)); };
  switch (s.kind) {
    case shape_kind::boolean:
      if (!j.is_boolean()) return and_not();
      s.set_bits(to, j.get<bool>() ? 1 : 0);
      return true;
    case shape_kind::whole: {
      if (!j.is_number()) return and_not();
      const auto bits = whole_in(j, s);
      if (!bits) return fault(s, " and not this number");
      s.set_bits(to, *bits);
      return true;
    }
    case shape_kind::number:
      if (!j.is_number()) return and_not();
      if (std::abs(j.get<double>()) > s.largest) return fault(s, " and not one that is so large");
      s.set_number(to, j.get<double>());
      return true;
    case shape_kind::text:
      if (!j.is_string()) return and_not();
      *static_cast<std::string*>(to) = j.get_ref<const std::string&>();
      return true;
    case shape_kind::choice: return read_choice(s, j, to);
    case shape_kind::optional:
      s.reset(to);
      return j.is_null() || read_item(s, j, to, {}, {});
    case shape_kind::list:
    case shape_kind::map: return read_items(s, j, to);
    case shape_kind::object: break;
  }
  return read_object(s, j, to);
}

bool reader::read_choice(const shape& s, const json& j, void* to) {
  if (!j.is_string()) return fault(s, " and not " + kind_of(j));
  for (std::size_t i = 0; i < s.names.size(); ++i) {
    if (j.get_ref<const std::string&>() != s.names[i]) continue;
    s.set_bits(to, i);
    return true;
  }
  return fault(s, " and not this text");
}

bool reader::read_items(const shape& s, const json& j, void* to) {
  if (s.kind == shape_kind::list ? !j.is_array() : !j.is_object()) return fault(s, " and not " + kind_of(j));
  if (path_.size() >= most_steps) return fault("there are more than " + std::to_string(most_steps) + " levels");
  s.reset(to);
  bool all = true;
  std::size_t place = 0;
  for (auto it = j.begin(); it != j.end(); ++it, ++place) {
    const std::string key = s.kind == shape_kind::map ? it.key() : std::string();
    all = read_item(s, *it, to, key, {s.kind == shape_kind::map ? key : std::to_string(place), s.kind == shape_kind::map}) && all;
  }
  return all;
}

bool reader::read_object(const shape& s, const json& j, void* to) {
  if (!j.is_object()) return fault(s, " and not " + kind_of(j));
  if (path_.size() >= most_steps) return fault("there are more than " + std::to_string(most_steps) + " levels");
  s.reset(to);
  bool all = true;
  for (const detail::shape_field& f : s.fields) {
    path_.push_back({f.name, false});
    const shape& of = f.of();
    const auto found = j.find(f.name);
    if (found != j.end()) all = read(of, *found, f.in(to)) && all;
    else if (of.kind != shape_kind::optional) all = fault(of, " and missing");
    path_.pop_back();
  }
  return all;
}

/// \param at  the step that leads to it; an optional is where its value is
bool reader::read_item(const shape& s, const json& j, void* to, const std::string& key, step at) {
  const bool leads_on = s.kind != shape_kind::optional;
  if (leads_on) path_.push_back(std::move(at));
  struct item_of {
    reader& self;
    const shape& of;
    const json& from;
  } context{*this, s.item(), j};
  const auto fill = [](void* c, void* item) {
    auto& it = *static_cast<item_of*>(c);
    return it.self.read(it.of, it.from, item);
  };
  const bool kept = s.add(to, key, {fill, &context});
  if (leads_on) path_.pop_back();
  return kept;
}

json_root root_of(const shape& s) noexcept {
  if (s.kind == shape_kind::object || s.kind == shape_kind::map) return json_root::object;
  return s.kind == shape_kind::list ? json_root::array : json_root::any;
}

}  // namespace

std::optional<misread> read_value(const shape& of, std::string_view text, void* to) {
  const auto same = [](const char* what) { return misread{what, what}; };
  if (text.find_first_not_of(" \t\r\n") == text.npos) return same("there is nothing but space, where JSON is expected");
  const std::optional<json> j = json_in(text, root_of(of));
  if (!j) return same("there is no JSON, or it is malformed or broken off");
  reader r;
  r.read(of, *j, to);
  return r.faults();
}

namespace detail {

result<void> read_text(const shape& of, std::string_view text, void* to) {
  if (const auto wrong = read_value(of, text, to)) return failure(errc::bad_response, wrong->shown);
  return {};
}

result<void> read_answer(const shape& of, const answer& from, void* to) {
  const auto wrong = read_value(of, from.text(), to);
  if (!wrong) return {};
  const std::string stopped = from.finish == finish::stop ? "" : " (it stopped because of: " + std::string(to_string(from.finish)) + ")";
  return failure(errc::bad_response, "the answer is not of the form that is expected: " + wrong->shown + stopped);
}

}  // namespace detail
}  // namespace catena::llm
