// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/token_estimate.hpp>

#include "utf8.hpp"

#include <algorithm>
#include <array>

namespace catena::llm {
namespace {

/// Of a token, fitted to DeepSeek V3's tokenizer.
namespace hundredths {
constexpr std::int64_t word = 108;              ///< with the space before it
constexpr std::int64_t word_behind_other = 30;  ///< more, where no space parts it from digits or small letters: "1b", "aB"
constexpr std::int64_t long_word_letter = 20;   ///< for each letter behind the fifth
constexpr std::int64_t capital_again = 44;      ///< behind another one
constexpr std::int64_t three_digits = 110;
constexpr std::int64_t space_before_digits = 104;
constexpr std::int64_t sign = 88;
constexpr std::int64_t sign_behind_sign = 42;
constexpr std::int64_t line_or_indent = 74;
}  // namespace hundredths

enum class letter { none, small, capital, digit, space, line, sign, other };

/// A character that is not ASCII, by where Unicode has it.
std::int64_t cost_of(char32_t c) noexcept {
  constexpr struct {
    char32_t below;
    std::int64_t cost;
  } scripts[] = {{0x250, 135}, {0x530, 45}, {0x700, 52}, {0x1100, 85}, {0x3000, 105}, {0xA000, 78}, {0xE000, 102}, {0x10000, 100}};
  const auto* const found = std::ranges::find_if(scripts, [c](const auto& s) { return c < s.below; });
  return found == std::end(scripts) ? 215 : found->cost;
}

char32_t decoded(std::string_view bytes) noexcept {
  auto c = static_cast<char32_t>(static_cast<unsigned char>(bytes[0]) & (0xFFU >> (bytes.size() + 1)));
  for (const char next : bytes.substr(1)) c = (c << 6) | (static_cast<unsigned char>(next) & 0x3FU);
  return c;
}

constexpr letter letter_of(char c) noexcept {
  if (c >= 'a' && c <= 'z') return letter::small;
  if (c >= 'A' && c <= 'Z') return letter::capital;
  if (c >= '0' && c <= '9') return letter::digit;
  if (c == ' ') return letter::space;
  return c < ' ' ? letter::line : letter::sign;
}

constexpr auto ascii = [] {
  std::array<letter, 128> all{};
  for (std::size_t c = 0; c < all.size(); ++c) all[c] = letter_of(static_cast<char>(c));
  return all;
}();

/// What the next character adds to the ones before it.
class scanner {
 public:
  void take_ascii(char c) noexcept {
    const letter k = ascii[static_cast<std::size_t>(c)];
    run_ = k == last_ ? run_ + 1 : k == letter::small && last_ == letter::capital ? 2 : 1;
    cost_ += cost_of_ascii(k);
    last_ = k;
  }
  void take_other(char32_t c) noexcept {
    cost_ += cost_of(c);
    last_ = letter::other;
  }
  [[nodiscard]] std::int64_t tokens() const noexcept { return (cost_ + 99) / 100; }

 private:
  [[nodiscard]] std::int64_t cost_of_ascii(letter k) const noexcept {
    switch (k) {
      case letter::small:
        if (run_ > 1) return run_ > 5 ? hundredths::long_word_letter : 0;
        return hundredths::word + (last_ == letter::digit ? hundredths::word_behind_other : 0);
      case letter::capital:
        if (run_ > 1) return hundredths::capital_again;
        return hundredths::word + (last_ == letter::digit || last_ == letter::small ? hundredths::word_behind_other : 0);
      case letter::digit: return (run_ % 3 == 1 ? hundredths::three_digits : 0) + (last_ == letter::space ? hundredths::space_before_digits : 0);
      case letter::space: return run_ == 2 ? hundredths::line_or_indent : 0;
      case letter::line: return run_ == 1 ? hundredths::line_or_indent : 0;
      case letter::sign: return run_ == 1 ? hundredths::sign : hundredths::sign_behind_sign;
      case letter::none:
      case letter::other: break;
    }
    return 0;
  }

  std::int64_t cost_ = 0;
  std::int64_t run_ = 0;  ///< how long the word, the number or the row of signs is by now
  letter last_ = letter::none;
};

}  // namespace

std::int64_t estimate_tokens(std::string_view text) noexcept {
  scanner s;
  while (!text.empty()) {
    if (static_cast<unsigned char>(text[0]) < 0x80) {
      s.take_ascii(text[0]);
      text.remove_prefix(1);
      continue;
    }
    const std::size_t length = utf8_length(text);
    s.take_other(length == 0 ? char32_t{0xFFFD} : decoded(text.substr(0, length)));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return s.tokens();
}

std::int64_t count_tokens(const message& m, const token_counter& count) {
  constexpr std::int64_t around_message = 4, around_call = 8;
  const auto of = [&](const std::string& text) -> std::int64_t {
    return text.empty() ? 0 : count ? std::max<std::int64_t>(count(text), 0) : estimate_tokens(text);
  };
  std::int64_t all = around_message + of(m.content);
  if (!m.tool_calls.empty()) all += of(m.reasoning);
  for (const tool_call& t : m.tool_calls) all += around_call + of(t.name) + of(t.arguments);
  return all;
}

}  // namespace catena::llm
