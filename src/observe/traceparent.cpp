// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/traceparent.hpp>

#include <algorithm>
#include <cstdint>

namespace catena {
namespace {

/// Lowercase, as the standard has it; -1: it is none.
int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/// False: these are not as many bytes.
bool read_hex(std::string_view text, std::span<std::byte> to) noexcept {
  if (text.size() != 2 * to.size()) return false;
  for (std::size_t i = 0; i < to.size(); ++i) {
    const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    to[i] = static_cast<std::byte>(high * 16 + low);
  }
  return true;
}

bool is_zero(std::span<const std::byte> bytes) noexcept {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; });
}

}  // namespace

std::string to_hex(std::span<const std::byte> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte b : bytes) {
    text += digits[std::to_integer<unsigned>(b) >> 4];
    text += digits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

std::string to_traceparent(const trace_context& c) {
  const std::byte flags{c.flags};
  return "00-" + to_hex(c.trace_id) + "-" + to_hex(c.span_id) + "-" + to_hex(std::span(&flags, 1));
}

std::optional<trace_context> parse_traceparent(std::string_view header) noexcept {
  constexpr std::size_t size = 55;
  if (header.size() < size || header[2] != '-' || header[35] != '-' || header[52] != '-') return {};
  std::byte version{}, flags{};
  trace_context c;
  if (!read_hex(header.substr(0, 2), std::span(&version, 1)) || version == std::byte{0xff}) return {};
  if (header.size() > size && (version == std::byte{} || header[size] != '-')) return {};
  if (!read_hex(header.substr(3, 32), c.trace_id) || is_zero(c.trace_id)) return {};
  if (!read_hex(header.substr(36, 16), c.span_id) || is_zero(c.span_id)) return {};
  if (!read_hex(header.substr(53, 2), std::span(&flags, 1))) return {};
  c.flags = std::to_integer<std::uint8_t>(flags);
  return c;
}

}  // namespace catena
