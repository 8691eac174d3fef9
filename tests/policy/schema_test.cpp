// SPDX-License-Identifier: BSL-1.0
#include <catena/policy/document.hpp>

#include "src/policy/option_table.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/catch.hpp"

using catena::policy_document;

namespace {

using schema_json = nlohmann::ordered_json;

/// As much of JSON Schema as the one of policies needs.
class plain_validator {
 public:
  explicit plain_validator(const schema_json& root) : root_(root) {}

  [[nodiscard]] bool accepts(const schema_json& value) { return accepts(root_, value); }
  [[nodiscard]] const schema_json& resolved(const schema_json& s) const {
    return s.contains("$ref") ? root_.at(schema_json::json_pointer(s["$ref"].get<std::string>().substr(1))) : s;
  }

 private:
  bool accepts(const schema_json& s, const schema_json& v) {
    if (s.contains("$ref")) return accepts(resolved(s), v);
    if (s.contains("anyOf")) return std::ranges::any_of(s["anyOf"], [&](const schema_json& one) { return accepts(one, v); });
    if (s.contains("enum")) return std::ranges::find(s["enum"], v) != s["enum"].end();
    if (!s.contains("type")) return true;
    const std::string type = s["type"];
    if (type == "object") return v.is_object() && accepts_members(s, v);
    if (type == "string") return v.is_string() && std::regex_match(v.get<std::string>(), pattern(s["pattern"]));
    const bool is_number = type == "integer" ? v.is_number_integer() : v.is_number();
    return is_number && v >= s["minimum"] && (!s.contains("maximum") || v <= s["maximum"]);
  }
  bool accepts_members(const schema_json& s, const schema_json& v) {
    for (const auto& [key, member] : v.items()) {
      if (s.contains("propertyNames") && key.empty()) return false;
      if (s.contains("properties") && s["properties"].contains(key)) {
        if (!accepts(s["properties"][key], member)) return false;
      } else if (!s["additionalProperties"].is_object() || !accepts(s["additionalProperties"], member)) {
        return false;
      }
    }
    return true;
  }
  const std::regex& pattern(const std::string& text) {
    auto found = std::ranges::find(patterns_, text, &std::pair<std::string, std::regex>::first);
    if (found == patterns_.end()) found = patterns_.insert(found, {text, std::regex(text)});
    return found->second;
  }

  const schema_json& root_;
  std::vector<std::pair<std::string, std::regex>> patterns_;
};

/// Documents that a schema allows, and what makes them wrong.
class document_maker {
 public:
  document_maker(const schema_json& root, std::uint32_t seed) : of_(root), random_(seed) {}

  schema_json make(const schema_json& given) {
    const schema_json& s = of_.resolved(given);
    if (s.contains("anyOf")) return make(s["anyOf"][below(s["anyOf"].size())]);
    if (s.contains("enum")) return s["enum"][below(s["enum"].size())];
    if (s["type"] == "object") return make_object(s);
    if (s["type"] == "string") return std::to_string(1 + below(50)) + (s["pattern"].get<std::string>().find("MiB") == std::string::npos ? "ms" : "MiB");
    if (s["type"] == "integer") return s["minimum"].get<std::int64_t>() + static_cast<std::int64_t>(below(3));
    const double least = s["minimum"], most = s["maximum"];
    return least + (std::min(most, 1000.0) - least) * static_cast<double>(below(100)) / 100;
  }

  /// Puts something wrong into the document, and says where.
  std::string spoil(schema_json& value, std::string pointer = "") {
    std::vector<std::string> keys;
    if (value.is_object())
      for (const auto& [key, member] : value.items()) keys.push_back(key);
    const bool goes_on = !keys.empty() && below(5) != 0;
    if (goes_on) {
      const std::string& key = keys[below(keys.size())];
      const std::string escaped = std::regex_replace(key, std::regex("/"), "~1");
      return spoil(value[key], pointer + "/" + escaped);
    }
    if (value.is_object() && below(2) == 0 && pointer != "/stages" && pointer != "/models" && !pointer.ends_with("/limit") && !pointer.ends_with("/buckets")) {
      value["unheard_of"] = 1;
      return pointer + "/unheard_of";
    }
    const schema_json wrong[] = {nullptr, true, schema_json::array({1}), "nonsense", -1, std::numeric_limits<std::uint64_t>::max(), 1e300};
    value = wrong[below(std::size(wrong))];
    return pointer;
  }

 private:
  schema_json make_object(const schema_json& s) {
    schema_json made = schema_json::object();
    if (s["additionalProperties"].is_object())
      for (std::size_t n = below(3); n-- > 0;) made["chain/stage " + std::to_string(n)] = make(s["additionalProperties"]);
    if (s.contains("properties"))
      for (const auto& [key, property] : s["properties"].items())
        if (key != "$schema" && below(2) == 0) made[key] = make(property);
    return made;
  }
  std::size_t below(std::size_t n) { return random_() % n; }

  plain_validator of_;
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("what the schema of documents allows is read, and what it forbids is a fault with its pointer") {
  const schema_json schema = schema_json::parse(policy_document::schema());
  plain_validator validator(schema);
  int read_count = 0, wrong_count = 0;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    document_maker maker(schema, seed);
    schema_json document = maker.make(schema);
    REQUIRE(validator.accepts(document));
    const auto read = policy_document::read(document.dump());
    if (read) {
      ++read_count;
      // And it comes back as it is written.
      const std::string written = read->to_json();
      CHECK(validator.accepts(schema_json::parse(written)));
      CHECK(policy_document::read(written).value() == *read);
    } else {
      // What a schema cannot say: what options may be together.
      for (const catena::policy_fault& f : read.error().all) CHECK(f.text.find("_options::") != std::string::npos);
    }
    const std::string where = maker.spoil(document);
    const bool allowed = validator.accepts(document);
    const auto spoilt = policy_document::read(document.dump());
    INFO(document.dump());
    if (allowed) continue;  // such as a count of true
    ++wrong_count;
    REQUIRE(spoilt.has_error());
    const auto& all = spoilt.error().all;
    CHECK(std::ranges::find(all, where, &catena::policy_fault::pointer) != all.end());
  }
  CHECK(read_count > 100);
  CHECK(wrong_count > 200);
}

namespace {

using catena::detail::option_field;
using catena::detail::option_kind;
using catena::detail::option_table;
using catena::detail::option_value;

/// Whether the library takes a value, whatever the other options of the set are: as they are by default, as small as may be or as large.
bool library_takes(const option_table& table, const option_field& field, const option_value& value) {
  const auto bound = [](const option_field& f, bool least) {
    return f.kind == option_kind::number ? option_value(least ? f.least_number : f.most_number) : option_value(least ? f.least : f.most);
  };
  for (int others = 0; others < 3; ++others) {
    const std::shared_ptr<void> options = table.make();
    if (others != 0)
      for (const option_field& f : table.fields) f.set(options.get(), bound(f, others == 1));
    field.set(options.get(), value);
    try {
      table.check(options.get());
      return true;
    } catch (const std::invalid_argument&) {
    }
  }
  return false;
}

}  // namespace

TEST_CASE("the ranges of a document are those of the library, to the last nanosecond") {
  constexpr std::int64_t unbounded = catena::detail::no_most;
  for (const option_table* table : catena::detail::option_tables()) {
    const std::shared_ptr<void> defaults = table->make();
    CHECK_NOTHROW(table->check(defaults.get()));
    for (const option_field& f : table->fields) {
      INFO(table->name << "::" << f.name);
      CHECK(in_range(f, f.get(defaults.get())));
      if (f.kind == option_kind::number) {
        CHECK(library_takes(*table, f, f.least_number));
        CHECK(library_takes(*table, f, f.most_number));
        if (table->name == "token_bucket_options") continue;  // what a rate may be depends on its time as well
        CHECK_FALSE(library_takes(*table, f, f.least_number - 1e-6));
        CHECK_FALSE(library_takes(*table, f, f.most_number * (1 + 1e-6)));
        CHECK_FALSE(library_takes(*table, f, std::numeric_limits<double>::quiet_NaN()));
        continue;
      }
      CHECK(library_takes(*table, f, f.least));
      CHECK(library_takes(*table, f, f.most));
      if (f.kind == option_kind::choice) continue;
      if (f.kind == option_kind::time || f.least > 0) CHECK_FALSE(library_takes(*table, f, f.least - 1));
      if (f.most != unbounded) CHECK_FALSE(library_takes(*table, f, f.most + 1));
    }
  }
}
