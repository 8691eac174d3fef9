// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Whether JSON is an ExportTraceServiceRequest as the protocol has it: known names in lowerCamelCase only, whole numbers for enums, hex ids.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace catena::test {

/// What is wrong with a message; empty: nothing.
/// \source  opentelemetry-proto 1.9: trace.proto, common.proto, resource.proto; OTLP Specification, "JSON Protobuf Encoding"
class otlp_shape {
 public:
  [[nodiscard]] static std::string faults_of(const nlohmann::json& request) {
    otlp_shape s;
    s.message(request, "request", {{"resourceSpans", s.list(&otlp_shape::resource_spans)}}, {"resourceSpans"});
    return s.faults_;
  }

 private:
  using json = nlohmann::json;
  using check = std::function<void(const json&, const std::string& where)>;

  void complain(const std::string& where, const std::string& what) { faults_ += where + " " + what + "\n"; }
  void expect(bool holds, const std::string& where, const char* what) {
    if (!holds) complain(where, what);
  }
  void message(const json& j, const std::string& where, const std::map<std::string, check>& known, const std::set<std::string>& needed) {
    if (!j.is_object()) return complain(where, "is no object");
    for (const auto& [key, value] : j.items()) {
      const auto found = known.find(key);
      if (found == known.end()) complain(where, "has an unknown " + key);
      else found->second(value, where + "." + key);
    }
    for (const std::string& key : needed) expect(j.contains(key), where, ("lacks " + key).c_str());
  }
  check list(void (otlp_shape::*of)(const json&, const std::string&)) {
    return [this, of](const json& j, const std::string& where) {
      if (!j.is_array()) return complain(where, "is no array");
      for (const json& each : j) (this->*of)(each, where);
    };
  }
  check one(void (otlp_shape::*of)(const json&, const std::string&)) {
    return [this, of](const json& j, const std::string& where) { (this->*of)(j, where); };
  }
  check text() {
    return [this](const json& j, const std::string& where) { expect(j.is_string(), where, "is no string"); };
  }
  check hex(std::size_t digits) {
    return [this, digits](const json& j, const std::string& where) {
      const bool is_hex = j.is_string() && j.get_ref<const std::string&>().size() == digits &&
                          j.get_ref<const std::string&>().find_first_not_of("0123456789abcdef") == std::string::npos;
      expect(is_hex, where, "is no id in hexadecimal digits");
      expect(is_hex && j.get_ref<const std::string&>().find_first_not_of('0') != std::string::npos, where, "is all zero");
    };
  }
  check decimal() {
    return [this](const json& j, const std::string& where) {
      const bool is_number = j.is_string() && !j.get_ref<const std::string&>().empty() &&
                             j.get_ref<const std::string&>().find_first_not_of("-0123456789") == std::string::npos;
      expect(is_number, where, "is no 64-bit number in a string");
    };
  }
  check number_in(std::int64_t least, std::int64_t most) {
    return [=, this](const json& j, const std::string& where) {
      expect(j.is_number_integer() && j.get<std::int64_t>() >= least && j.get<std::int64_t>() <= most, where, "is no number of the enum");
    };
  }

  void resource_spans(const json& j, const std::string& where) {
    message(j, where, {{"resource", one(&otlp_shape::resource)}, {"scopeSpans", list(&otlp_shape::scope_spans)}, {"schemaUrl", text()}}, {"resource", "scopeSpans"});
  }
  void resource(const json& j, const std::string& where) { message(j, where, {{"attributes", list(&otlp_shape::attribute)}}, {"attributes"}); }
  void scope_spans(const json& j, const std::string& where) {
    message(j, where, {{"scope", one(&otlp_shape::scope)}, {"spans", list(&otlp_shape::span)}, {"schemaUrl", text()}}, {"scope", "spans"});
  }
  void scope(const json& j, const std::string& where) { message(j, where, {{"name", text()}, {"version", text()}}, {"name"}); }
  void span(const json& j, const std::string& where) {
    message(j, where,
            {{"traceId", hex(32)},
             {"spanId", hex(16)},
             {"parentSpanId", hex(16)},
             {"name", text()},
             {"kind", number_in(1, 5)},
             {"startTimeUnixNano", decimal()},
             {"endTimeUnixNano", decimal()},
             {"attributes", list(&otlp_shape::attribute)},
             {"links", list(&otlp_shape::link)},
             {"status", one(&otlp_shape::status)}},
            {"traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"});
    if (j.contains("startTimeUnixNano") && j.contains("endTimeUnixNano"))
      expect(std::stoull(j.at("endTimeUnixNano").get<std::string>()) >= std::stoull(j.at("startTimeUnixNano").get<std::string>()), where, "ends before it begins");
    std::set<std::string> keys;
    for (const json& a : j.value("attributes", json::array())) expect(keys.insert(a.value("key", "")).second, where, "says something twice");
  }
  void link(const json& j, const std::string& where) { message(j, where, {{"traceId", hex(32)}, {"spanId", hex(16)}}, {"traceId", "spanId"}); }
  void status(const json& j, const std::string& where) { message(j, where, {{"code", number_in(0, 2)}, {"message", text()}}, {"code"}); }
  void attribute(const json& j, const std::string& where) {
    message(j, where, {{"key", text()}, {"value", one(&otlp_shape::value)}}, {"key", "value"});
    expect(j.value("key", "") != "", where, "has no key");
  }
  void value(const json& j, const std::string& where) {
    message(j, where,
            {{"stringValue", text()},
             {"intValue", decimal()},
             {"doubleValue", [this](const json& v, const std::string& at) { expect(v.is_number() || v.is_string(), at, "is no double"); }},
             {"boolValue", [this](const json& v, const std::string& at) { expect(v.is_boolean(), at, "is no bool"); }},
             {"arrayValue", [this](const json& v, const std::string& at) { message(v, at, {{"values", list(&otlp_shape::value)}}, {"values"}); }}},
            {});
    expect(j.size() == 1, where, "is not one value");
  }

  std::string faults_;
};

}  // namespace catena::test
