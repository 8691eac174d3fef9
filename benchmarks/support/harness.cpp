// SPDX-License-Identifier: BSL-1.0
#include "harness.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <thread>

namespace bench {
namespace {

constexpr const char* help =
    "  --quick          a smoke run of seconds; its numbers mean nothing\n"
    "  --repetitions N  of every subject, interleaved (default 9, quick 3)\n"
    "  --case NAME      run this case only\n"
    "  --subject NAME   run this subject only\n"
    "  --json FILE      write the results as JSON\n"
    "  --list           print the cases and their subjects\n"
    "  --help           print this\n";

struct row {
  std::string case_name, subject, metric;
  double median, min, max;
};

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

/// The repetitions of all subjects of one case, in turns.
std::vector<row> run_case(const std::vector<const subject*>& subjects, const options& opts) {
  std::vector<repetition> contenders;
  std::vector<std::vector<std::string>> metrics(subjects.size());  // in the order of their first reading
  std::vector<std::map<std::string, std::vector<double>>> values(subjects.size());
  for (const subject* s : subjects) contenders.push_back(s->make(opts));
  for (const repetition& contender : contenders) contender();  // warm up
  for (int r = 0; r < opts.repetitions; ++r)
    for (std::size_t i = 0; i < contenders.size(); ++i)
      for (const auto& [metric, value] : contenders[i]()) {
        if (values[i][metric].empty()) metrics[i].push_back(metric);
        values[i][metric].push_back(value);
      }
  std::vector<row> rows;
  for (std::size_t i = 0; i < subjects.size(); ++i)
    for (const std::string& metric : metrics[i]) {
      std::vector<double>& v = values[i][metric];
      std::sort(v.begin(), v.end());
      const double median = (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
      rows.push_back({subjects[i]->case_name, subjects[i]->name, metric, median, v.front(), v.back()});
    }
  return rows;
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
        std::printf("\n  %-22s %12s %12s %12s   x %s\n", metric.c_str(), "median", "min", "max", r.subject.c_str());
      }
      const int digits = r.max < 100 ? 2 : 0;
      std::printf("    %-20s %12.*f %12.*f %12.*f", r.subject.c_str(), digits, r.median, digits, r.min, digits, r.max);
      if (first->median > 0) std::printf(" %8.2f", r.median / first->median);
      std::printf("\n");
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
    out << separator << "  {\"case\": \"" << r.case_name << "\", \"subject\": \"" << r.subject << "\", \"metric\": \"" << r.metric
        << "\", \"median\": " << r.median << ", \"min\": " << r.min << ", \"max\": " << r.max << "}";
    separator = ",\n";
  }
  out << "\n]}\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + file);
}

/// Nothing: help was printed. Throws std::invalid_argument for what it does not know.
std::optional<options> parse(const std::string& benchmark, const std::vector<subject>& subjects, int argc, char** argv) {
  options opts;
  int repetitions = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const auto value = [&] { return ++i < argc ? std::string(argv[i]) : throw std::invalid_argument(arg + " needs a value"); };
    if (arg == "--quick") opts.quick = true;
    else if (arg == "--case") opts.only_case = value();
    else if (arg == "--subject") opts.only_subject = value();
    else if (arg == "--json") opts.json = value();
    else if (arg == "--repetitions") repetitions = std::atoi(value().c_str());
    else if (arg == "--list" || arg == "--help") {
      if (arg == "--help") std::cout << "usage: bench_" << benchmark << " [options]\n" << help;
      else for (const subject& s : subjects) std::cout << s.case_name << ' ' << s.name << '\n';
      return std::nullopt;
    } else throw std::invalid_argument("unknown option " + arg + "; see --help");
  }
  opts.repetitions = repetitions > 0 ? repetitions : opts.quick ? 3 : 9;
  return opts;
}

}  // namespace

int run(const std::string& benchmark, const std::vector<subject>& subjects, int argc, char** argv) {
  try {
    const std::optional<options> opts = parse(benchmark, subjects, argc, argv);
    if (!opts) return 0;
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
      const std::vector<row> rows = run_case(contenders, *opts);
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
