// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The report: what the reader gets, as Markdown and as JSON.
#include "key_points.hpp"
#include "merge.hpp"
#include "split.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace legal {

struct cited {
  std::string place;  ///< "§ 7(a)"
  std::string text;
};

struct section_report {
  std::string chapter;
  std::string name;
  std::string text;  ///< one or two sentences
  std::size_t sentence_count = 0;
};

struct stage_time {
  std::string stage;
  std::size_t runs = 0;               ///< how often the stage ran
  std::chrono::nanoseconds total{0};  ///< over all runs; more than the elapsed time where runs overlap
};

/// What a language model has written, or was to write.
struct written_page {
  std::string model;  ///< its name
  std::string text;   ///< empty: it was late or away
};

/// How the report was made; the program fills it in when the run has ended.
struct run_figures {
  std::vector<stage_time> stages;
  std::size_t batches = 0;     ///< calls of the model
  double mean_batch_size = 0;  ///< sections per call
  std::chrono::nanoseconds elapsed{0};
};

struct report {
  std::string title;
  std::string subtitle;
  std::string source;  ///< the file's name, without folders
  std::vector<cited> summary;
  std::optional<written_page> page;  ///< nothing: no model was asked for
  std::vector<section_report> sections;
  key_points points;
  std::size_t sentence_count = 0;
  std::size_t word_count = 0;
  run_figures figures;
};

report build_report(const document& source, const contents& from, const outline& merged, key_points points);

std::string to_markdown(const report& of);

/// An object of title, summary, sections, key_points, counts and stages; two spaces of indent.
std::string to_json(const report& of);

/// "850 us", "12.3 ms", "4.56 s".
std::string readable_time(std::chrono::nanoseconds time);

}  // namespace legal
