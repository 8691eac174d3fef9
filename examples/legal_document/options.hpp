// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The command line.
#include <cstddef>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace legal {

/// The command line is wrong; the message says what was given and what is expected.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class report_format { markdown, json };
enum class task { report, mermaid, help };

/// A language model; with an empty URL it is its provider's own.
struct endpoint {
  std::string url = {};
  std::string model = {};
  std::string provider = {};
};

struct options {
  task what = task::report;
  report_format format = report_format::markdown;
  std::filesystem::path file;       ///< empty: the bundled GNU GPL v3
  std::filesystem::path out;        ///< empty: report.md, or standard output for JSON; "-" is standard output
  std::filesystem::path drawing;    ///< of the chain, as SVG; empty: none
  std::size_t max_batch_size = 16;  ///< sections per call of the model, 1 to 256
  std::size_t instances = 1;        ///< copies of the model that compute at once, 1 to 64
  std::size_t max_key_points = 60;  ///< of each kind, 1 to 10 000
  endpoint model;                   ///< who writes the summary; without a URL nobody does
  bool quiet = false;               ///< no progress
};

/// Reads the arguments without the program's name. \errors usage_error
options parse_options(std::span<const char* const> arguments);

/// The text of --help.
std::string_view help_text() noexcept;

/// Where the report goes: the given file, "report.md", or empty for standard output.
std::filesystem::path report_file(const options& of);

}  // namespace legal
