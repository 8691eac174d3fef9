// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a call took.
#include <cstdint>

namespace catena::llm {

/// Tokens, as the server counts them.
struct token_usage {
  std::int64_t input = 0;         ///< all that was read
  std::int64_t cached_input = 0;  ///< of that, what the server still knew
  std::int64_t output = 0;        ///< all that was written
  std::int64_t reasoning = 0;     ///< of that, what was only thought

  [[nodiscard]] std::int64_t total() const noexcept { return input + output; }
  /// What the server still knew, of what it read.
  [[nodiscard]] double hit_share() const noexcept { return input == 0 ? 0 : static_cast<double>(cached_input) / static_cast<double>(input); }
  token_usage& operator+=(const token_usage& more) noexcept {
    input += more.input;
    cached_input += more.cached_input;
    output += more.output;
    reasoning += more.reasoning;
    return *this;
  }
  friend bool operator==(const token_usage&, const token_usage&) = default;
};

}  // namespace catena::llm
