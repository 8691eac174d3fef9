// SPDX-License-Identifier: BSL-1.0
#include "report.hpp"

#include <nlohmann/json.hpp>

#include <array>

namespace legal {
namespace {

using json = nlohmann::ordered_json;

double milliseconds(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }

json key_points_json(const key_points& points) {
  constexpr std::array<const char*, key_point_kinds.size()> names = {"duties", "rights", "prohibitions", "dates",
                                                                     "definitions"};
  json all = json::object();
  for (const key_point_kind kind : key_point_kinds) {
    json list = json::array();
    for (const key_point& point : points[kind].points) {
      json one = {{"place", point.place}, {"text", point.text}};
      if (!point.subject.empty()) one["subject"] = point.subject;
      if (!point.lead.empty()) one["lead"] = point.lead;
      list.push_back(std::move(one));
    }
    all[names[static_cast<std::size_t>(kind)]] = {{"found", points[kind].found}, {"points", std::move(list)}};
  }
  return all;
}

}  // namespace

std::string to_json(const report& of) {
  json summary = json::array();
  for (const cited& one : of.summary) summary.push_back({{"place", one.place}, {"text", one.text}});
  json sections = json::array();
  for (const section_report& one : of.sections)
    sections.push_back(
        {{"chapter", one.chapter}, {"name", one.name}, {"text", one.text}, {"sentences", one.sentence_count}});
  json stages = json::array();
  for (const stage_time& stage : of.figures.stages)
    stages.push_back({{"stage", stage.stage}, {"runs", stage.runs}, {"total_milliseconds", milliseconds(stage.total)}});
  json all = {{"title", of.title},
              {"subtitle", of.subtitle},
              {"source", of.source},
              {"summary", std::move(summary)},
              {"sections", std::move(sections)},
              {"key_points", key_points_json(of.points)},
              {"counts",
               {{"sections", of.sections.size()},
                {"sentences", of.sentence_count},
                {"words", of.word_count},
                {"batches", of.figures.batches},
                {"mean_batch_size", of.figures.mean_batch_size}}},
              {"elapsed_milliseconds", milliseconds(of.figures.elapsed)},
              {"stages", std::move(stages)}};
  if (of.page) {
    all["written_summary"] = {{"model", of.page->model}, {"written", !of.page->text.empty()}};
    if (!of.page->text.empty()) all["written_summary"]["text"] = of.page->text;
  }
  return all.dump(2) + "\n";
}

}  // namespace legal
