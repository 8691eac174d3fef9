// SPDX-License-Identifier: BSL-1.0
#include "utf8.hpp"

namespace catena::llm {

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string as_utf8(std::string_view text) {
  std::string all;
  all.reserve(text.size());
  while (!text.empty()) all += catena::detail::take_character(text);
  return all;
}

}  // namespace catena::llm
