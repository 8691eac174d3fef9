// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Progress for people: a bar on a terminal, plain lines otherwise, nothing if asked to be quiet.
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

namespace legal {

enum class progress_style { bar, lines, none };

/// A bar if the stream is a terminal, lines if not.
progress_style style_for(std::FILE* stream) noexcept;

/// Reports the phases of one run. \threads shared objects: safe
class progress {
 public:
  progress(std::FILE* stream, progress_style style) noexcept : stream_(stream), style_(style) {}
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// A phase begins; `total` steps are expected, zero means that it has no steps.
  void begin(std::string_view phase, std::size_t total = 0);

  /// One more step is done. A bar is redrawn, and a line printed, only when it shows something new.
  void step(std::size_t count = 1);

  /// A line that stays, above the bar.
  void note(std::string_view text);

  /// Ends the last phase; the bar goes away.
  void finish();

 private:
  void draw_locked();
  void clear_locked();

  std::mutex mutex_;
  std::FILE* stream_;
  progress_style style_;
  std::string phase_;
  std::size_t total_ = 0;
  std::size_t done_ = 0;
  std::size_t shown_ = 0;  ///< percent on a bar, tenths in lines
  bool drawn_ = false;     ///< a bar stands on the terminal's last line
};

}  // namespace legal
