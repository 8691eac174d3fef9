// SPDX-License-Identifier: BSL-1.0
#include "otlp_text.hpp"

#include "status_failure.hpp"

#include <catena/observe/gen_ai_names.hpp>
#include <catena/observe/json_text.hpp>
#include <catena/observe/trace_measure.hpp>
#include <catena/observe/traceparent.hpp>
#include <catena/version.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

namespace catena::http {
namespace {

using catena::detail::append_json_number;
using catena::detail::append_json_text;

/// As the protocol numbers them.
enum class otlp_kind : std::int64_t { internal = 1, server = 2, client = 3 };
constexpr std::int64_t status_error = 2;

std::string catena_version() {
  return std::to_string(CATENA_VERSION_MAJOR) + "." + std::to_string(CATENA_VERSION_MINOR) + "." + std::to_string(CATENA_VERSION_PATCH);
}

/// {"stringValue":"x"}; numbers of 64 bits stand in strings.
void append_value(std::string& to, const trace_value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    to += "{\"stringValue\":";
    append_json_text(to, *text);
  } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
    to += "{\"intValue\":\"";
    append_json_number(to, *number);
    to += '"';
  } else if (const auto* real = std::get_if<double>(&value)) {
    to += "{\"doubleValue\":";
    append_json_number(to, *real);
  } else {
    to += std::get<bool>(value) ? "{\"boolValue\":true" : "{\"boolValue\":false";
  }
  to += '}';
}

/// A list of attributes, one after the other.
class attribute_list {
 public:
  explicit attribute_list(std::string& to) : to_(to) { to_ += "\"attributes\":["; }
  void add(std::string_view key, const trace_value& value) {
    to_ += std::exchange(is_first_, false) ? "{\"key\":" : ",{\"key\":";
    append_json_text(to_, key);
    to_ += ",\"value\":";
    const bool is_list = gen_ai::is_list(key);
    if (is_list) to_ += "{\"arrayValue\":{\"values\":[";
    append_value(to_, value);
    to_ += is_list ? "]}}}" : "}";
  }
  void end() { to_ += ']'; }

 private:
  std::string& to_;
  bool is_first_ = true;
};

void append_id(std::string& to, const char* name, std::span<const std::byte> id) { to.append("\"").append(name).append("\":\"").append(to_hex(id)).append("\""); }

void append_id(std::string& to, const char* name, std::uint64_t span) {
  trace_context c;
  c.set_span(span);
  append_id(to, name, c.span_id);
}

/// What comes from another service is served, and what a language model is asked leaves the process.
otlp_kind kind_of(const trace& t, const trace_span& s) noexcept {
  if (&s == &t.spans.front() && s.parent != 0 && s.kind == span_kind::run) return otlp_kind::server;
  const bool is_call = std::ranges::any_of(s.attributes, [](const auto& a) { return a.first == gen_ai::provider_name; });
  return is_call ? otlp_kind::client : otlp_kind::internal;
}

void append_attributes(std::string& to, const trace& t, const trace_span& s) {
  attribute_list all(to);
  all.add("catena.span.kind", std::string(name_of(s.kind)));
  if (&s == &t.spans.front()) {
    all.add("catena.kept_for", std::string(name_of(t.why)));
    if (t.dropped_count != 0) all.add("catena.dropped_spans", static_cast<std::int64_t>(t.dropped_count));
  }
  if (s.ended == time_point{}) all.add("catena.unended", true);
  if (s.why.is(errc::cancelled)) {
    all.add("catena.cancelled", true);
  } else if (s.why.is_set()) {
    all.add("error.type", error_type_of(s.why));
    if (!s.why.path().empty()) all.add("catena.error.path", s.why.path());
  }
  const auto times = time_by_part(s);
  for (std::size_t i = 0; i < times.size(); ++i)
    if (times[i] != duration{})
      all.add("catena." + std::string(name_of(static_cast<span_part>(i))) + ".seconds", std::chrono::duration<double>(times[i]).count());
  for (std::size_t i = 0; i < s.attributes.size(); ++i)
    if (!is_said_again(s, i)) all.add(s.attributes[i].first, s.attributes[i].second);
  all.end();
}

void append_links(std::string& to, const trace_span& s) {
  if (s.links.empty()) return;
  to += ",\"links\":[";
  for (const trace_link& link : s.links) {
    to += &link == &s.links.front() ? "{" : ",{";
    append_id(to, "traceId", link.trace_id);
    to += ',';
    append_id(to, "spanId", link.span);
    to += '}';
  }
  to += ']';
}

/// How many spans a server says that it has not taken; a number of 64 bits may stand in a string.
std::uint64_t count_in(const nlohmann::json& j) {
  if (j.is_number_unsigned()) return j.get<std::uint64_t>();
  std::uint64_t count = 0;
  if (!j.is_string()) return 0;
  const std::string& text = j.get_ref<const std::string&>();
  for (const char c : text) {
    if (c < '0' || c > '9' || count > 1'000'000'000) return 0;
    count = count * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return count;
}

/// Of a body that is none of this nothing is known but that it came with a success.
void read_partial_success(otlp_verdict& v, const std::string& body, const fields& secrets) {
  const nlohmann::json said = nlohmann::json::parse(body, nullptr, false);
  if (!said.is_object()) return;
  const auto partial = said.find("partialSuccess");
  if (partial == said.end() || !partial->is_object()) return;
  if (const auto count = partial->find("rejectedSpans"); count != partial->end()) v.rejected = count_in(*count);
  if (const auto text = partial->find("errorMessage"); text != partial->end() && text->is_string())
    v.said = shown(text->get_ref<const std::string&>(), secrets, body_told);
}

bool says_later(int status) noexcept { return status == 429 || status == 502 || status == 503 || status == 504; }

}  // namespace

otlp_text::otlp_text(const otlp_options& options, std::chrono::nanoseconds offset) : offset_(offset) {
  head_ = "{\"resourceSpans\":[{\"resource\":{";
  attribute_list of_service(head_);
  of_service.add("service.name", options.service_name);
  if (!options.service_version.empty()) of_service.add("service.version", options.service_version);
  of_service.add("service.instance.id", options.service_instance_id);
  of_service.add("telemetry.sdk.name", std::string("catena"));
  of_service.add("telemetry.sdk.language", std::string("cpp"));
  of_service.add("telemetry.sdk.version", catena_version());
  for (const auto& [key, value] : options.resource) of_service.add(key, value);
  of_service.end();
  head_ += "},\"scopeSpans\":[{\"scope\":{\"name\":\"catena\",\"version\":\"" + catena_version() + "\"},\"spans\":[";
}

void otlp_text::append(std::string& to, const trace& t) const {
  for (const trace_span& s : t.spans) {
    if (to.back() != '[') to += ',';
    append_span(to, t, s);
  }
}

void otlp_text::append_span(std::string& to, const trace& t, const trace_span& s) const {
  to += '{';
  append_id(to, "traceId", t.id);
  to += ',';
  append_id(to, "spanId", s.id);
  if (s.parent != 0) {
    to += ',';
    append_id(to, "parentSpanId", s.parent);
  }
  to += ",\"name\":";
  append_json_text(to, s.name);
  to += ",\"kind\":";
  append_json_number(to, static_cast<std::int64_t>(kind_of(t, s)));
  to += ",\"startTimeUnixNano\":";
  append_time(to, s.began);
  to += ",\"endTimeUnixNano\":";
  append_time(to, end_of(s, t));
  to += ',';
  append_attributes(to, t, s);
  append_links(to, s);
  if (s.why.is_set() && !s.why.is(errc::cancelled)) {
    to += ",\"status\":{\"code\":";
    append_json_number(to, status_error);
    to += ",\"message\":";
    append_json_text(to, s.why.message().empty() ? error_type_of(s.why) : s.why.message());
    to += '}';
  }
  to += '}';
}

void otlp_text::append_time(std::string& to, time_point t) const {
  const std::chrono::nanoseconds since_1970 = std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()) + offset_;
  to += '"';
  append_json_number(to, std::max<std::int64_t>(0, since_1970.count()));
  to += '"';
}

otlp_verdict verdict_of(const request& asked, const result<response>& came, bool was_sent, wall_time now) {
  using kind = otlp_verdict::kind;
  if (!came) {
    const failure& why = came.error();
    // What took too long may have arrived.
    const bool is_slow = why.is(errc::timed_out) || why.is(errc::deadline_exceeded);
    if (why.is(errc::unavailable) || (is_slow && !was_sent)) return {.what = kind::again, .why = why};
    return {.what = kind::given_up, .why = why};
  }
  if (came->status >= 200 && came->status < 300) {
    otlp_verdict v;
    read_partial_success(v, came->body, asked.headers);
    return v;
  }
  failure why = status_failure(asked, *came, came->body, now);
  return {.what = says_later(came->status) ? kind::again : kind::refused, .why = std::move(why)};
}

}  // namespace catena::http
