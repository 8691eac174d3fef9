// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/json_text.hpp>
#include <catena/observe/metric_set.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace catena {
namespace {

/// With U+FFFD in the place of what is no UTF-8: one such name would have all that is told refused.
void add_escaped(std::string& text, std::string_view value) {
  while (!value.empty()) {
    const std::string_view next = detail::take_character(value);
    if (next == "\\" || next == "\"") text += '\\';
    text += next == "\n" ? "\\n" : next;
  }
}

std::string written(std::span<const metric_set::label> with) {
  std::string text;
  for (const auto& [name, value] : with) {
    if (!text.empty()) text += ',';
    text.append(name).append("=\"");
    add_escaped(text, value);
    text += '"';
  }
  return text;
}

std::string written(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return {digits.data(), end.ptr};
}

enum class format : bool { prometheus, openmetrics };

std::string_view type_of(metric_family::kind k) noexcept {
  switch (k) {
    case metric_family::kind::counter: return "counter";
    case metric_family::kind::histogram: return "histogram";
    case metric_family::kind::gauge:
    case metric_family::kind::state: break;
  }
  return "gauge";
}

class text_writer {
 public:
  explicit text_writer(format how) : how_(how) {}

  void write(const metric_set::family& f) {
    const bool is_counter = f.of.is == metric_family::kind::counter;
    std::string name(f.of.name);
    const std::string sample = is_counter ? name + "_total" : name;
    // Prometheus' own format names the sample, OpenMetrics the family.
    const std::string& headed = how_ == format::prometheus ? sample : name;
    header("HELP", headed, f.of.help);
    header("TYPE", headed, type_of(f.of.is));
    if (how_ == format::openmetrics && !f.of.unit.empty()) header("UNIT", headed, f.of.unit);
    for (const auto& [key, s] : f.all) {
      if (f.of.is == metric_family::kind::histogram) write_histogram(name, f.bounds, s);
      else line(sample, s.labels, written(s.value));
    }
  }
  [[nodiscard]] std::string take() && {
    if (how_ == format::openmetrics) text_ += "# EOF\n";
    return std::move(text_);
  }

 private:
  void header(std::string_view what, std::string_view name, std::string_view says) {
    text_.append("# ").append(what).append(" ").append(name).append(" ");
    add_escaped_help(says);
    text_ += '\n';
  }
  void add_escaped_help(std::string_view says) {
    for (const char c : says) {
      if (c == '\\') text_ += "\\\\";
      else if (c == '\n') text_ += "\\n";
      else if (c == '"' && how_ == format::openmetrics) text_ += "\\\"";
      else text_ += c;
    }
  }
  void line(std::string_view name, std::string_view labels, std::string_view value) {
    text_ += name;
    if (!labels.empty()) text_.append("{").append(labels).append("}");
    text_.append(" ").append(value).append("\n");
  }
  void write_histogram(const std::string& name, const std::vector<double>& bounds, const metric_set::series& s) {
    const std::string comma = s.labels.empty() ? "" : s.labels + ",";
    for (std::size_t i = 0; i < bounds.size(); ++i)
      line(name + "_bucket", comma + "le=\"" + bound(bounds[i]) + "\"", std::to_string(s.up_to[i]));
    line(name + "_bucket", comma + "le=\"+Inf\"", std::to_string(s.count));
    line(name + "_sum", s.labels, written(s.value));
    line(name + "_count", s.labels, std::to_string(s.count));
  }
  /// OpenMetrics wants it to look like a floating-point number.
  [[nodiscard]] std::string bound(double b) const {
    std::string text = written(b);
    if (how_ == format::openmetrics && text.find_first_of(".e") == std::string::npos) text += ".0";
    return text;
  }

  format how_;
  std::string text_;
};

std::string text_of(const metric_set& all, format how) {
  text_writer to(how);
  for (const auto& [name, family] : all.families()) to.write(family);
  return std::move(to).take();
}

double in_seconds(std::chrono::duration<double> d) noexcept { return d.count(); }

}  // namespace

std::string metric_set::series::label(std::string_view name) const {
  std::string_view rest = labels;
  while (!rest.empty()) {
    const std::string_view own = rest.substr(0, rest.find('='));
    rest.remove_prefix(own.size() + 2);
    std::string found;
    for (; rest.front() != '"'; rest.remove_prefix(1)) {
      const bool is_escaped = rest.front() == '\\';
      if (is_escaped) rest.remove_prefix(1);
      found += is_escaped && rest.front() == 'n' ? '\n' : rest.front();
    }
    if (own == name) return found;
    rest.remove_prefix(std::min<std::size_t>(2, rest.size()));
  }
  return {};
}

metric_set::series& metric_set::at(const metric_family& to, std::span<const label> with) {
  auto& of = families_.try_emplace(to.name, metric_set::family{.of = to}).first->second;
  std::string key = written(with);
  if (const auto found = of.all.find(key); found != of.all.end()) return found->second;
  if (of.all.size() >= max_series_ && !with.empty()) {
    std::vector<label> other(with.begin(), with.end());
    for (auto& [name, value] : other) value = "_other";
    key = written(other);
  }
  auto& s = of.all[key];
  if (s.labels.empty()) s.labels = std::move(key);
  return s;
}

void metric_set::add(const metric_family& to, std::span<const label> with, double value) {
  series& s = at(to, with);
  s.value = to.is == metric_family::kind::state ? std::max(s.value, value) : s.value + value;
}

void metric_set::add(const metric_family& to, labels with, const duration_histogram& h, std::span<const duration> bounds) {
  std::vector<double> seconds;
  std::vector<std::uint64_t> up_to;
  for (const duration b : bounds) {
    seconds.push_back(in_seconds(b));
    up_to.push_back(h.count_up_to(b));
  }
  add(to, with, seconds, up_to, h.count(), in_seconds(h.sum()));
}

void metric_set::add(const metric_family& to, labels with, std::span<const double> bounds, std::span<const std::uint64_t> up_to,
                     std::uint64_t count, double sum) {
  series& s = at(to, std::span(with));
  auto& known = families_.find(to.name)->second.bounds;
  if (known.empty()) known.assign(bounds.begin(), bounds.end());
  s.up_to.resize(known.size());
  // Of other bounds, the next smaller one that is known: what is told is never too much.
  for (std::size_t i = 0; i < known.size(); ++i) {
    const auto last = std::upper_bound(bounds.begin(), bounds.end(), known[i]);
    if (last != bounds.begin()) s.up_to[i] += up_to[static_cast<std::size_t>(last - bounds.begin()) - 1];
  }
  s.count += count;
  s.value += sum;
}

const metric_set::series* metric_set::find(std::string_view name, std::string_view with) const noexcept {
  const auto found = families_.find(name);
  if (found == families_.end()) return nullptr;
  for (const auto& [key, s] : found->second.all)
    if (s.labels == with) return &s;
  return nullptr;
}

double metric_set::value(std::string_view name, std::string_view with) const noexcept {
  const series* const s = find(name, with);
  return s ? s->value : 0;
}

double quantile(const metric_set::family& of, const metric_set::series& s, double share) noexcept {
  if (s.count == 0 || of.bounds.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double rank = std::clamp(share, 0.0, 1.0) * static_cast<double>(s.count);
  double from = 0, below = 0;
  for (std::size_t i = 0; i < of.bounds.size(); ++i) {
    const auto here = static_cast<double>(s.up_to[i]);
    if (here >= rank && here > below) return from + (of.bounds[i] - from) * (rank - below) / (here - below);
    from = of.bounds[i];
    below = here;
  }
  return of.bounds.back();
}

std::string prometheus_text(const metric_set& all) { return text_of(all, format::prometheus); }
std::string openmetrics_text(const metric_set& all) { return text_of(all, format::openmetrics); }

}  // namespace catena
