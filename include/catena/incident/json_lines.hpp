// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Incidents in files, one a line, and back.
#include <catena/incident/incident.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace catena {

struct json_lines_options {
  /// How long the file may grow, at least 1: then it becomes FILE.1, in place of the one before, and another one is begun. A line
  /// is never cut.
  std::uint64_t max_bytes = 64 << 20;
};

/// A file to which incidents are appended, one JSON object a line: a sink for a notifier. A cheap shared handle.
///
///     notifier to_us({.sinks = {json_lines_file("incidents.jsonl")}, .dead_letters = {json_lines_file("dead.jsonl")}});
///
/// Two handles made for one file know nothing of each other and rotate it twice: copy one.
/// \threads  safe, if it is one handle and its copies
class json_lines_file {
 public:
  /// Opens nothing yet.
  /// \errors std::invalid_argument: an option is out of range, or the path is empty
  explicit json_lines_file(std::string path, const json_lines_options& options = {});

  /// \errors std::system_error: it cannot be written now. What a full disk cut off is no line when it can be written again.
  void operator()(const incident& what) const;

 private:
  struct file;
  std::shared_ptr<file> file_;
};

/// One line, without its end. Inputs come back to the byte; in what is for reading only, bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string to_json(const incident& what);

struct read_letters {
  std::vector<incident> letters;  ///< in the order in which they were written
  std::size_t unreadable = 0;     ///< lines that are none
};

/// Reads what json_lines_file has written, for replay. Failures have their code if it is catena's or the system's.
/// \errors std::system_error: it cannot be read
[[nodiscard]] read_letters read_dead_letters(const std::string& path);

}  // namespace catena
