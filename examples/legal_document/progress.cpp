// SPDX-License-Identifier: BSL-1.0
#include "progress.hpp"

#include <algorithm>

#include <unistd.h>

namespace legal {

progress_style style_for(std::FILE* stream) noexcept {
  const int descriptor = fileno(stream);
  return descriptor >= 0 && isatty(descriptor) == 1 ? progress_style::bar : progress_style::lines;
}

progress::~progress() { finish(); }

void progress::begin(std::string_view phase, std::size_t total) {
  const std::lock_guard lock(mutex_);
  phase_ = phase;
  total_ = total;
  done_ = shown_ = 0;
  if (style_ == progress_style::bar) return draw_locked();
  if (style_ != progress_style::lines) return;
  std::fprintf(stream_, total > 0 ? "%s: %zu\n" : "%s\n", phase_.c_str(), total);
  std::fflush(stream_);
}

void progress::step(std::size_t count) {
  const std::lock_guard lock(mutex_);
  done_ = std::min(done_ + count, total_);
  if (total_ == 0 || style_ == progress_style::none) return;
  const std::size_t now = style_ == progress_style::bar ? done_ * 100 / total_ : done_ * 10 / total_;
  if (now == shown_) return;
  shown_ = now;
  if (style_ == progress_style::bar) return draw_locked();
  if (total_ < 10 && done_ < total_) return;  // a short phase needs only its end
  std::fprintf(stream_, "  %zu of %zu\n", done_, total_);
  std::fflush(stream_);
}

void progress::note(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (style_ == progress_style::none) return;
  const bool had_bar = drawn_;
  clear_locked();
  std::fprintf(stream_, "%.*s\n", static_cast<int>(text.size()), text.data());
  if (had_bar) draw_locked();
  std::fflush(stream_);
}

void progress::finish() {
  const std::lock_guard lock(mutex_);
  clear_locked();
  std::fflush(stream_);
  phase_.clear();
  total_ = 0;
}

void progress::draw_locked() {
  constexpr std::size_t width = 32;
  clear_locked();
  if (total_ == 0) {
    std::fprintf(stream_, "%s ...", phase_.c_str());
  } else {
    const std::size_t full = done_ * width / total_;
    const std::string bar = std::string(full, '#') + std::string(width - full, '.');
    std::fprintf(stream_, "%-12s [%s] %3zu %%  %zu/%zu", phase_.c_str(), bar.c_str(), done_ * 100 / total_, done_,
                 total_);
  }
  std::fflush(stream_);
  drawn_ = true;
}

void progress::clear_locked() {
  if (drawn_) std::fputs("\r\x1b[K", stream_);
  drawn_ = false;
}

}  // namespace legal
