// SPDX-License-Identifier: BSL-1.0
#include "harness.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <thread>

#include "statistics.hpp"

namespace bench {
namespace {

constexpr const char* help =
    "  --quick          a smoke run of seconds; its numbers mean nothing\n"
    "  --repetitions N  of every subject, interleaved\n"
    "  --case NAME      run this case only\n"
    "  --subject NAME   run this subject only\n"
    "  --json FILE      write the results as JSON\n"
    "  --list           print the cases and their subjects\n"
    "  --help           print this\n";

struct row {
  std::string case_name, subject, metric;
  double median, min, max, low, high;
};

bool is_finite(const row& r) {
  return std::isfinite(r.median) && std::isfinite(r.max) && std::isfinite(r.high);
}

std::string machine() {
  std::ifstream info("/proc/cpuinfo");
  std::string line, model = "unknown processor";
  while (std::getline(info, line))
    if (line.starts_with("model name")) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  std::string text = model + ", " + std::to_string(std::thread::hardware_concurrency()) + " threads; ";
#ifdef __clang__
  text += "clang " __clang_version__;
#else
  text += "g++ " __VERSION__;
#endif
#ifndef __OPTIMIZE__
  text += ", NOT OPTIMISED";
#endif
#ifndef NDEBUG
  text += ", with assertions";
#endif
  return text;
}

/// Seconds of processor time that other processes have used since the machine started.
double others_seconds() {
  std::ifstream stat("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0;
  stat >> cpu >> user >> nice >> system;
  return (user + nice + system) / static_cast<double>(sysconf(_SC_CLK_TCK)) -
         static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/// All readings of one metric of one subject.
struct series {
  std::string metric;
  std::vector<double> values;                // of each repetition
  std::vector<std::vector<double>> samples;  // of each repetition, if the metric has them
  double quantile = 0;

  void add(reading&& r) {
    values.push_back(r.value);
    if (!r.samples.empty()) samples.push_back(std::move(r.samples));
    quantile = r.quantile;
  }
  [[nodiscard]] row summary(const subject& of) const {
    const estimate e = samples.empty() ? median_of_repetitions(values) : pooled_quantile(samples, quantile);
    const auto [min, max] = std::minmax_element(values.begin(), values.end());
    return {of.case_name, of.name, metric, e.value, *min, *max, e.low, e.high};
  }
};

/// The metrics of one subject, in the order of their first reading.
struct measured {
  std::vector<series> metrics;

  void add(reading&& r) {
    auto found = std::find_if(metrics.begin(), metrics.end(), [&](const series& s) { return s.metric == r.metric; });
    if (found == metrics.end()) found = metrics.insert(found, series{r.metric, {}, {}});
    found->add(std::move(r));
  }
};

/// The repetitions of all subjects of one case, in turns.
std::vector<row> run_case(const std::vector<const subject*>& subjects, const options& opts, int warm_ups) {
  std::vector<repetition> contenders;
  std::vector<measured> results(subjects.size());
  for (const subject* s : subjects) contenders.push_back(s->make(opts));
  for (int w = 0; w < warm_ups; ++w)
    for (const repetition& contender : contenders)
      if (contender) contender();
  for (int r = 0; r < opts.repetitions; ++r)
    for (std::size_t i = 0; i < contenders.size(); ++i)
      if (contenders[i])
        for (reading& one : contenders[i]()) results[i].add(std::move(one));
  std::vector<row> rows;
  for (std::size_t i = 0; i < subjects.size(); ++i)
    for (const series& s : results[i].metrics) rows.push_back(s.summary(*subjects[i]));
  return rows;
}

void print(const row& r, double reference) {
  std::printf("    %-20s", r.subject.c_str());
  const int digits = r.max < 100 ? 2 : 0;
  for (const double number : {r.median, r.min, r.max, r.low, r.high}) {
    if (std::isfinite(number)) std::printf(" %10.*f", digits, number);
    else std::printf(" overloaded");
  }
  if (reference > 0 && std::isfinite(reference) && std::isfinite(r.median)) std::printf(" %8.2f", r.median / reference);
  std::printf("\n");
}

/// One table per metric: who, how much, and how much of the first one's.
void print(const std::vector<row>& rows) {
  std::vector<std::string> metrics;
  for (const row& r : rows)
    if (std::find(metrics.begin(), metrics.end(), r.metric) == metrics.end()) metrics.push_back(r.metric);
  for (const std::string& metric : metrics) {
    const row* first = nullptr;
    for (const row& r : rows) {
      if (r.metric != metric) continue;
      if (!first) {
        first = &r;
        std::printf("\n  %-22s %10s %10s %10s %10s %10s   x %s\n", metric.c_str(), "median", "min", "max", "95 % from", "to",
                    r.subject.c_str());
      }
      print(r, first->median);
    }
  }
  std::printf("\n");
  std::fflush(stdout);
}

void write_json(const std::string& file, const std::string& benchmark, const std::vector<row>& rows) {
  std::ofstream out(file);
  out.precision(12);
  out << "{\"benchmark\": \"" << benchmark << "\", \"results\": [";
  const char* separator = "\n";
  for (const row& r : rows) {
    if (!is_finite(r)) continue;  // JSON has no infinity; the row "overloaded" says why it is missing
    out << separator << "  {\"case\": \"" << r.case_name << "\", \"subject\": \"" << r.subject << "\", \"metric\": \"" << r.metric
        << "\", \"median\": " << r.median << ", \"min\": " << r.min << ", \"max\": " << r.max
        << ", \"low\": " << r.low << ", \"high\": " << r.high << "}";
    separator = ",\n";
  }
  out << "\n]}\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + file);
}

void print_help(const std::string& benchmark, const device_need& needs) {
  std::cout << "usage: bench_" << benchmark << " [options]\n" << help;
  if (!needs.usual.empty()) std::cout << "  --device NAME    compute there; without it, on " << needs.usual << "\n";
}

/// Nothing: help was printed. Throws std::invalid_argument for what it does not know.
std::optional<options> parse(const std::string& benchmark, const std::vector<subject>& subjects, int argc, char** argv,
                             const counts& how_often, const device_need& needs) {
  options opts;
  opts.device = needs.usual;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const auto value = [&] { return ++i < argc ? std::string(argv[i]) : throw std::invalid_argument(arg + " needs a value"); };
    if (arg == "--quick") opts.quick = true;
    else if (arg == "--case") opts.only_case = value();
    else if (arg == "--subject") opts.only_subject = value();
    else if (arg == "--json") opts.json = value();
    else if (arg == "--repetitions") opts.repetitions = std::atoi(value().c_str());
    else if (arg == "--device" && !needs.usual.empty()) opts.device = value();
    else if (arg == "--list" || arg == "--help") {
      if (arg == "--help") print_help(benchmark, needs);
      else for (const subject& s : subjects) std::cout << s.case_name << ' ' << s.name << '\n';
      return std::nullopt;
    } else throw std::invalid_argument("unknown option " + arg + "; see --help");
  }
  if (opts.repetitions <= 0) opts.repetitions = opts.quick ? how_often.quick_repetitions : how_often.repetitions;
  return opts;
}

}  // namespace

reading quantile_reading(std::string metric, double q, std::vector<double> samples) {
  const double value = quantile(samples, q);
  return {std::move(metric), value, std::move(samples), q};
}

int run(const std::string& benchmark, const std::vector<subject>& subjects, int argc, char** argv, const counts& how_often,
        const device_need& needs) {
  try {
    const std::optional<options> opts = parse(benchmark, subjects, argc, argv, how_often, needs);
    if (!opts) return 0;
    if (!opts->device.empty() && !needs.is_there(opts->device)) {
      std::printf("benchmark %s: cannot run here: there is no device '%s'\n", benchmark.c_str(), opts->device.c_str());
      if (!opts->json.empty()) write_json(opts->json, benchmark, {});
      return 0;
    }
    std::vector<std::pair<std::string, std::vector<const subject*>>> cases;
    for (const subject& s : subjects) {
      if (!opts->only_case.empty() && s.case_name != opts->only_case) continue;
      if (!opts->only_subject.empty() && s.name != opts->only_subject) continue;
      auto found = std::find_if(cases.begin(), cases.end(), [&](const auto& c) { return c.first == s.case_name; });
      if (found == cases.end()) found = cases.insert(found, {s.case_name, {}});
      found->second.push_back(&s);
    }
    if (cases.empty()) throw std::invalid_argument("no such case or subject; see --list");
    std::printf("benchmark %s: %s\n%d interleaved repetitions%s\n\n", benchmark.c_str(), machine().c_str(), opts->repetitions,
                opts->quick ? " (quick: the numbers mean nothing)" : "");
    const double others = others_seconds();
    const auto began = std::chrono::steady_clock::now();
    std::vector<row> all;
    for (const auto& [name, contenders] : cases) {
      std::printf("%s\n", name.c_str());
      std::fflush(stdout);
      const std::vector<row> rows = run_case(contenders, *opts, how_often.warm_ups);
      print(rows);
      all.insert(all.end(), rows.begin(), rows.end());
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("%.0f s; meanwhile other processes kept %.2f processors busy\n", took.count(), (others_seconds() - others) / took.count());
    if (!opts->json.empty()) write_json(opts->json, benchmark, all);
    return 0;
  } catch (const std::invalid_argument& e) {
    std::cerr << "bench_" << benchmark << ": " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "bench_" << benchmark << ": " << e.what() << '\n';
    return 1;
  }
}

}  // namespace bench
