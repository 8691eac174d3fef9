// SPDX-License-Identifier: BSL-1.0
/// \file
/// What an operator sees.
#include "operator_routes.hpp"

#include <catena/inventory.hpp>
#include <catena/observe/metric_set.hpp>
#include <catena/observe/traceparent.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <span>
#include <utility>
#include <variant>

namespace catena::http {
namespace {

using nlohmann::json;
using server::answer;
using server::error_answer;

answer shown_json(const json& body, int status = 200) {
  return {.status = status, .body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

double seconds(duration d) noexcept { return std::chrono::duration<double>(d).count(); }

// ---- readiness -----------------------------------------------------------------------------------------------------------

std::vector<std::string> reasons_against(const runtime& rt, const std::vector<std::string>& must_be_hot) {
  std::vector<std::string> all;
  if (rt.state()->draining()) all.emplace_back("the runtime is draining");
  const auto models = models_of(rt);
  for (const model_report& m : models)
    if (m.is_nearly_full) all.push_back("the queue of model '" + m.name + "' is nearly full");
  for (const std::string& name : must_be_hot) {
    const auto is_it = [&](const model_report& m) { return m.name == name && m.is_hot; };
    if (std::ranges::none_of(models, is_it)) all.push_back("model '" + name + "' is not hot");
  }
  return all;
}

// ---- chains --------------------------------------------------------------------------------------------------------------

/// As in "1.2 ms".
std::string in_short(double s) {
  constexpr std::array<std::pair<double, const char*>, 4> units{{{1.0, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {0, "ns"}}};
  for (const auto& [least, unit] : units) {
    if (s < least) continue;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.3g %s", least > 0 ? s / least : s * 1e9, unit);
    return text.data();
  }
  return "0 s";
}

/// The quantiles of a chain's stages; the share of the slowest one's p99 is how warm it is drawn.
std::vector<graph::stage_note> times_of(const runtime& rt, const std::string& chain) {
  const metric_set now = rt.metrics();
  const auto family = now.families().find("catena_stage_duration_seconds");
  std::vector<graph::stage_note> notes;
  if (family == now.families().end()) return notes;
  const auto of_chain = [&](const metric_set::series& s) { return s.label("chain") == chain && s.count != 0; };
  double slowest = 0;
  for (const auto& [key, s] : family->second.all)
    if (of_chain(s)) slowest = std::max(slowest, quantile(family->second, s, 0.99));
  for (const auto& [key, s] : family->second.all) {
    if (!of_chain(s)) continue;
    const double p50 = quantile(family->second, s, 0.5), p99 = quantile(family->second, s, 0.99);
    notes.push_back({.path = chain + "/" + s.label("stage"), .lines = {"p50 " + in_short(p50), "p99 " + in_short(p99)}, .heat = slowest > 0 ? p99 / slowest : 0});
  }
  return notes;
}

// ---- runs ----------------------------------------------------------------------------------------------------------------

json shown_wait(const run_report::wait& w, time_point now) {
  return {{"stage", w.stage}, {"for", w.for_what}, {"seconds", w.since == time_point{} ? 0.0 : seconds(now - w.since)}};
}

json shown_live(const run_report& r, time_point now) {
  json waits = json::array();
  for (const auto& w : r.waits) waits.push_back(shown_wait(w, now));
  json shown{{"chain", r.chain}, {"id", r.id}, {"tenant", r.tenant}, {"seconds", seconds(now - r.began)}, {"waits", std::move(waits)}};
  if (r.deadline != no_deadline) shown["deadline_in_seconds"] = seconds(r.deadline - now);
  if (r.is_stopped) shown["stopped"] = true;
  if (r.trace.is_set()) shown["trace_id"] = to_hex(r.trace.trace_id);
  return shown;
}

/// As in OTLP and traceparent, and because browsers know no integers of 64 bits.
std::string in_hex(std::uint64_t span) {
  trace_context c;
  c.set_span(span);
  return to_hex(c.span_id);
}

json shown_span(const trace_span& s, const trace_span& whole) {
  const time_point began = whole.began;
  const bool has_ended = s.ended != time_point{};
  json shown{{"id", in_hex(s.id)}, {"parent", in_hex(s.parent)}, {"kind", name_of(s.kind)}, {"name", s.name}, {"at", seconds(s.began - began)}, {"seconds", seconds((has_ended ? s.ended : whole.ended) - s.began)}};
  if (!has_ended) shown["unended"] = true;  // when its request had
  for (const auto& part : s.parts)
    shown["parts"].push_back({{"what", name_of(part.what)}, {"at", seconds(part.began - began)}, {"seconds", seconds(part.ended - part.began)}});
  for (const auto& [name, value] : s.attributes) std::visit([&](const auto& v) { shown["attributes"][name] = v; }, value);
  if (s.why.is_set()) shown["error"] = s.why.to_string();
  return shown;
}

json shown_trace(const trace& t) {
  json spans = json::array();
  for (const trace_span& s : t.spans) spans.push_back(shown_span(s, t.spans.front()));
  return {{"trace_id", to_hex(t.id)}, {"kept_for", name_of(t.why)}, {"spans", std::move(spans)}};
}

/// The newest first, and not so many of one kind: many that were slow do not hide the few that failed.
json shown_traces(std::span<const std::shared_ptr<const trace>> all) {
  constexpr std::size_t most_of_a_kind = 50;
  std::map<kept_for, std::size_t> seen;
  json shown = json::array();
  for (auto t = all.rbegin(); t != all.rend(); ++t)
    if (seen[(*t)->why]++ < most_of_a_kind) shown.push_back(shown_trace(**t));
  return shown;
}

// ---- models --------------------------------------------------------------------------------------------------------------

json shown_model(const model_report& m) {
  const model_stats& s = m.stats;
  return {{"name", m.name},
          {"version", m.version},
          {"hot", m.is_hot},
          {"instances", m.instances},
          {"queue", {{"length", s.queue_depth}, {"capacity", m.queue_capacity}}},
          {"batches", s.batch_count},
          {"rows", s.row_count},
          {"mean_batch_size", s.mean_batch_size()},
          {"refused", s.refused_count},
          {"wasted", s.wasted_count},
          {"load_seconds", seconds(s.warm_up.load_time)},
          {"warm_up_seconds", seconds(s.warm_up.warm_up_time)}};
}

/// Names; or what is wrong with the body.
std::variant<std::vector<std::string>, std::string> models_asked_for(const std::string& body) {
  constexpr const char* form = R"(expected is nothing, or {"models": [names]})";
  if (body.empty()) return std::vector<std::string>();
  const json all = json::parse(body, nullptr, false);
  if (!all.is_object() || all.size() != 1 || !all.contains("models") || !all["models"].is_array()) return std::string("the body is of another form; ") + form;
  std::vector<std::string> names;
  for (const json& name : all["models"]) {
    if (!name.is_string()) return std::string("a model's name is no text; ") + form;
    names.push_back(name.get<std::string>());
  }
  return names;
}

}  // namespace

answer metrics_of(const runtime& rt, const server::request& asked) {
  const auto accepted = asked.headers.find("Accept");
  if (accepted && accepted->find("application/openmetrics-text") != std::string_view::npos)
    return {.body = openmetrics_text(rt.metrics()), .content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"};
  return {.body = prometheus_text(rt.metrics()), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

answer readiness_of(const runtime& rt, const std::vector<std::string>& must_be_hot) {
  const auto reasons = reasons_against(rt, must_be_hot);
  if (reasons.empty()) return shown_json({{"ready", true}});
  return shown_json({{"ready", false}, {"reasons", reasons}}, 503);
}

answer list_chains(const runtime& rt) {
  json all = json::array();
  for (const auto& chain : chains_of(rt)) all.push_back({{"name", chain.name}, {"stages", chain.stages.size()}});
  return shown_json({{"chains", std::move(all)}});
}

answer show_chain(const runtime& rt, const server::request& asked) {
  const auto all = chains_of(rt);
  const auto chain = std::find_if(all.rbegin(), all.rend(), [&](const auto& d) { return d.name == asked.name; });  // of one name, the newest
  if (chain == all.rend()) return error_answer(404, "there is no chain '" + asked.name + "'; GET /chains names those that there are");
  const std::string format = asked.parameter("format").value_or("json");
  if (format == "json") return {.body = chain->json() + "\n"};
  if (format == "mermaid") return {.body = chain->mermaid(), .content_type = "text/plain; charset=utf-8"};
  if (format == "dot") return {.body = chain->dot(), .content_type = "text/vnd.graphviz; charset=utf-8"};
  if (format != "svg") return error_answer(400, "'format' must be json, mermaid, dot or svg, is '" + format + "'");
  graph::svg_options options;
  options.notes = times_of(rt, chain->name);
  // What the picture says of its colours is in it; it runs and fetches nothing.
  return {.body = chain->svg(options),
          .content_type = "image/svg+xml; charset=utf-8",
          .content_security_policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"};
}

answer list_models(const runtime& rt) {
  json all = json::array();
  for (const model_report& m : models_of(rt)) all.push_back(shown_model(m));
  return shown_json({{"models", std::move(all)}});
}

answer list_runs(const runtime& rt, const trace_ring* recent) {
  constexpr std::size_t most_live = 100;
  const time_point now = rt.now();
  const auto live = runs_of(rt, most_live);
  json in_flight = json::array();
  for (const run_report& r : live) in_flight.push_back(shown_live(r, now));
  const traces_in_ring ended = recent ? recent->snapshot() : traces_in_ring{};
  json shown{{"in_flight_count", rt.state()->live_run_count()},
             {"in_flight", std::move(in_flight)},
             {"notable", shown_traces(ended.notable)},
             {"recent", shown_traces(ended.recent)}};
  if (!rt.state()->tracer) shown["missing"] = "runs in flight are told where there is a runtime_options::tracer";
  else if (!recent) shown["missing"] = "runs that ended are told where there is an operator_options::recent";
  return shown_json(shown);
}

void warm_up(const runtime& rt, const server::request& asked, server::reply to) {
  auto names = models_asked_for(asked.body);
  if (auto* const wrong = std::get_if<std::string>(&names)) return to(error_answer(400, *wrong));
  warm_up_list found = find_needs(rt, std::get<0>(names));
  if (!found.unknown.empty()) return to(error_answer(404, "there is neither a model nor a chain '" + found.unknown.front() + "'"));
  const time_point began = rt.now();
  async_warm_up(rt, std::move(found.needs), [rt, began, answer_to = std::move(to)](const result<void>& warmed) mutable {
    if (!warmed) return answer_to(error_answer(503, warmed.error().to_string()));
    json models = json::array();
    for (const model_report& m : models_of(rt)) models.push_back(shown_model(m));
    answer_to(shown_json({{"seconds", seconds(rt.now() - began)}, {"models", std::move(models)}}));
  });
}

}  // namespace catena::http
