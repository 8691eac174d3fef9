// SPDX-License-Identifier: BSL-1.0
#include "chrome_events.hpp"

#include <catena/observe/chrome_trace.hpp>
#include <catena/observe/json_text.hpp>
#include <catena/observe/trace_measure.hpp>
#include <catena/observe/traceparent.hpp>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

namespace catena {
namespace detail {
namespace {

constexpr std::size_t most_batches = 4096;
constexpr std::size_t most_arrows = 256;  // to a batch that has not come

/// Microseconds, to the nanosecond.
void append_time(std::string& to, duration d) {
  const auto count = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::nanoseconds>(d).count());
  append_json_number(to, count / 1000);
  const std::string rest = std::to_string(count % 1000);
  to.append(".").append(3 - rest.size(), '0').append(rest);
}

void append_value(std::string& to, const trace_value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) append_json_text(to, *text);
  else if (const auto* number = std::get_if<std::int64_t>(&value)) append_json_number(to, *number);
  else if (const auto* real = std::get_if<double>(&value)) append_json_number(to, *real);
  else to += std::get<bool>(value) ? "true" : "false";
}

/// Arguments of an event, one after the other.
class arguments {
 public:
  explicit arguments(std::string& to) : to_(to) { to_ += ",\"args\":{"; }
  void add(std::string_view name, const trace_value& value) {
    if (!std::exchange(is_first_, false)) to_ += ',';
    append_json_text(to_, name);
    to_ += ':';
    append_value(to_, value);
  }
  void end() { to_ += '}'; }

 private:
  std::string& to_;
  bool is_first_ = true;
};

double in_seconds(duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

void chrome_events::append(std::string& to, const trace& t) {
  if (t.spans.empty()) return;
  process& p = process_of(to, t.spans.front());
  const laid_trace laid = laid_out(t);
  std::vector<std::size_t> lanes;
  for (const lane_time& wanted : laid.lanes) lanes.push_back(take_lane(to, p, wanted));
  for (std::size_t i = 0; i < t.spans.size(); ++i) {
    const trace_span& s = t.spans[i];
    const place where{p.number, lanes[laid.lane_of[i]], s.began};
    append_span(to, t, i, where);
    append_parts(to, s, end_of(s, t), where, laid.inside[i]);
    note_links(to, s, where);
    if (s.kind == span_kind::batch) note_batch(to, s, where);
  }
}

void chrome_events::begin_event(std::string& to, const char* phase, const place& where) {
  to += std::exchange(is_first_, false) ? "\n{\"ph\":\"" : ",\n{\"ph\":\"";
  to += phase;
  to += "\",\"pid\":";
  append_json_number(to, static_cast<std::int64_t>(where.process));
  to += ",\"tid\":";
  append_json_number(to, static_cast<std::int64_t>(where.lane));
}

void chrome_events::append_name(std::string& to, const char* of, const place& where, const std::string& name) {
  begin_event(to, "M", where);
  to.append(",\"name\":\"").append(of).append("\",\"args\":{\"name\":");
  append_json_text(to, name);
  to += "}}";
}

chrome_events::process& chrome_events::process_of(std::string& to, const trace_span& outermost) {
  const std::string name = (outermost.kind == span_kind::batch ? "model " : "chain ") + outermost.name;
  process& p = processes_[name];
  if (p.number == 0) {
    p.number = processes_.size();
    append_name(to, "process_name", {p.number, 0, {}}, name);
  }
  return p;
}

/// The one that was left last before: so they stay few.
std::size_t chrome_events::take_lane(std::string& to, process& p, const lane_time& wanted) {
  std::size_t best = p.lanes.size();
  for (std::size_t i = 0; i < p.lanes.size(); ++i)
    if (p.lanes[i] <= wanted.began && (best == p.lanes.size() || p.lanes[i] > p.lanes[best])) best = i;
  if (best == p.lanes.size()) {
    p.lanes.emplace_back();
    append_name(to, "thread_name", {p.number, best + 1, {}}, "lane " + std::to_string(best + 1));
  }
  p.lanes[best] = wanted.ended;
  return best + 1;
}

void chrome_events::append_span(std::string& to, const trace& t, std::size_t index, const place& where) {
  const trace_span& s = t.spans[index];
  begin_event(to, "X", where);
  to += ",\"ts\":";
  append_time(to, s.began.time_since_epoch());
  to += ",\"dur\":";
  append_time(to, end_of(s, t) - s.began);
  to += ",\"name\":";
  append_json_text(to, s.name);
  to.append(",\"cat\":\"").append(name_of(s.kind)).append("\"");
  arguments with(to);
  if (index == 0) {
    with.add("trace", to_hex(t.id));
    with.add("kept_for", std::string(name_of(t.why)));
    if (t.dropped_count != 0) with.add("dropped_spans", static_cast<std::int64_t>(t.dropped_count));
  }
  if (s.ended == time_point{}) with.add("unended", true);
  if (s.why.is_set()) {
    with.add("error.type", error_type_of(s.why));
    with.add("error", s.why.to_string());
  }
  const auto times = time_by_part(s);
  for (std::size_t i = 0; i < times.size(); ++i)
    if (times[i] != duration{}) with.add(std::string(name_of(static_cast<span_part>(i))) + "_seconds", in_seconds(times[i]));
  for (std::size_t i = 0; i < s.attributes.size(); ++i)
    if (!is_said_again(s, i)) with.add(s.attributes[i].first, s.attributes[i].second);
  with.end();
  to += '}';
}

/// Where nothing else lies. One that is all of its span says no more than that.
void chrome_events::append_parts(std::string& to, const trace_span& s, time_point ended, const place& where, const std::vector<lane_time>& inside) {
  std::vector<trace_part> parts = s.parts;
  std::ranges::sort(parts, {}, [](const trace_part& p) { return std::pair(p.began, p.ended); });
  auto next = inside.begin();
  time_point free_from = s.began;
  for (const trace_part& part : parts) {
    while (next != inside.end() && next->ended <= part.began) ++next;
    const bool is_all = part.began == s.began && part.ended == ended;
    const bool is_free = part.began >= free_from && part.ended <= ended && (next == inside.end() || part.ended <= next->began);
    if (is_all || !is_free || part.ended <= part.began) continue;
    begin_event(to, "X", where);
    to += ",\"ts\":";
    append_time(to, part.began.time_since_epoch());
    to += ",\"dur\":";
    append_time(to, part.ended - part.began);
    to.append(",\"name\":\"").append(name_of(part.what)).append("\",\"cat\":\"part\"}");
    free_from = part.ended;
  }
}

void chrome_events::note_links(std::string& to, const trace_span& s, const place& where) {
  for (const trace_link& link : s.links) {
    batch& b = batch_of(link.span);
    if (b.is_known) append_arrow(to, where, b.where);
    else if (b.asked_by.size() < most_arrows) b.asked_by.push_back(where);
  }
}

void chrome_events::note_batch(std::string& to, const trace_span& s, const place& where) {
  batch& b = batch_of(s.id);
  b.is_known = true;
  b.where = where;
  for (const place& request : std::exchange(b.asked_by, {})) append_arrow(to, request, where);
}

void chrome_events::append_arrow(std::string& to, const place& request, const place& in) {
  ++arrows_;
  const auto append_end = [&](const char* phase, const place& where) {
    begin_event(to, phase, where);
    to += ",\"ts\":";
    append_time(to, where.when.time_since_epoch());
    to += ",\"name\":\"batch\",\"cat\":\"batch\",\"id\":";
    append_json_number(to, arrows_);
    to += *phase == 'f' ? ",\"bp\":\"e\"}" : "}";
  };
  append_end("s", request);
  append_end("f", in);
}

chrome_events::batch& chrome_events::batch_of(std::uint64_t span) {
  if (const auto known = batches_.find(span); known != batches_.end()) return known->second;
  if (batches_in_order_.size() < most_batches) {
    batches_in_order_.push_back(span);
  } else {
    batches_.erase(std::exchange(batches_in_order_[next_batch_], span));
    next_batch_ = (next_batch_ + 1) % most_batches;
  }
  return batches_[span];
}

}  // namespace detail

std::string chrome_trace_json(std::span<const std::shared_ptr<const trace>> traces) {
  std::string text = "[";
  detail::chrome_events events;
  for (const auto& t : traces) events.append(text, *t);
  return text + "\n]\n";
}

}  // namespace catena
