// SPDX-License-Identifier: BSL-1.0
#include "lines.hpp"

#include "utf8.hpp"

#include <algorithm>

namespace legal {
namespace {

std::string_view line_at(std::string_view text, std::size_t at) noexcept {
  return text.substr(at, std::min(text.find('\n', at), text.size()) - at);
}

/// Blank, or a rule of dashes such as the one under a heading.
bool separates(std::string_view text) noexcept {
  return text.empty() || (is_decoration(text) && text.find_first_of("0123456789") == std::string_view::npos);
}

}  // namespace

bool line_reader::next() noexcept {
  if (at_ >= text_.size()) return false;
  const std::string_view raw = line_at(text_, at_);
  at_ += raw.size() + 1;
  now_.text = trim(raw);
  now_.after_blank = blank_;
  now_.before_blank = at_ >= text_.size() || separates(trim(line_at(text_, at_)));
  now_.alone = now_.after_blank && now_.before_blank;
  now_.indent = now_.text.empty() ? 0 : columns(raw.substr(0, static_cast<std::size_t>(now_.text.data() - raw.data())));
  blank_ = separates(now_.text);
  return true;
}

std::vector<std::string_view> line_reader::peek_block(std::size_t limit) {
  std::vector<std::string_view> block;
  std::size_t at = at_;
  while (at < text_.size()) {
    const std::string_view raw = line_at(text_, at);
    const std::string_view line = trim(raw);
    if (line.empty() && !block.empty()) break;
    if (line.empty())
      at_ = at + raw.size() + 1;
    else
      block.push_back(line);
    if (block.size() > limit) break;
    at += raw.size() + 1;
  }
  return block;
}

bool is_decoration(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    const code_point c = code_point_at(text, at);
    if (is_letter(c.value) || is_cjk(c.value)) return false;
    at += c.size;
  }
  return true;
}

bool is_notice(std::string_view text) noexcept {
  return text.starts_with("Copyright") || text.starts_with("COPYRIGHT (") || text.starts_with("(C)") ||
         text.starts_with("\xC2\xA9") || text.starts_with('<') || text.starts_with("http");
}

}  // namespace legal
