// SPDX-License-Identifier: BSL-1.0
#include <catena/http/fields.hpp>

#include "letters.hpp"

#include <algorithm>
#include <array>

namespace catena::http {
namespace {

/// RFC 9110, 5.6.2: token.
bool is_token_letter(char c) noexcept {
  return is_letter_or_digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_value_letter(char c) noexcept { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); }

std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

/// The field's value, and what stands in it behind a scheme, as in "Bearer KEY".
std::array<std::string_view, 2> secrets_of(std::string_view value) noexcept {
  const std::size_t space = value.find(' ');
  return {value, space == value.npos ? std::string_view() : value.substr(space + 1)};
}

void hide(std::string& text, std::string_view secret) {
  if (secret.size() < 4) return;  // too short to be one, and letters of any text
  for (std::size_t at = 0; (at = text.find(secret, at)) != text.npos; at += 3) text.replace(at, secret.size(), "***");
  for (std::size_t n = std::min(secret.size() - 1, text.size()); n >= 4; --n)
    if (text.ends_with(secret.substr(0, n))) return text.replace(text.size() - n, n, "***"), void();
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) { return small_letter(x) == small_letter(y); });
}

bool is_secret(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 6> names{"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token"};
  return std::ranges::any_of(names, [&](std::string_view one) { return same_name(one, name); });
}

void fields::remove(std::string_view name) {
  std::erase_if(all_, [&](const field& f) { return same_name(f.name, name); });
}

std::optional<std::string_view> fields::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find_if(all_, [&](const field& f) { return same_name(f.name, name); });
  if (found == all_.end()) return std::nullopt;
  return found->value;
}

result<void> fields::valid() const {
  for (const field& f : all_)
    if (auto one = valid_field(f.name, f.value); !one) return one;
  return {};
}

result<void> valid_field(std::string_view name, std::string_view value) {
  if (name.empty()) return failure(errc::invalid_input, "a header field has no name");
  if (!std::ranges::all_of(name, is_token_letter))
    return failure(errc::invalid_input, "the header field '" + printable(name) + "' has a name with a character that none may have");
  if (!std::ranges::all_of(value, is_value_letter))
    return failure(errc::invalid_input,
                   "the header field '" + std::string(name) + "' has a value with a control character, such as the end of a line");
  return {};
}

std::string shown(std::string_view text, const fields& secrets, std::size_t most) {
  std::string out(text);
  for (const fields::field& f : secrets.all())
    if (is_secret(f.name))
      for (const std::string_view secret : secrets_of(f.value)) hide(out, secret);
  if (out.size() > most) out = out.substr(0, most) + "...";
  return printable(out);
}

}  // namespace catena::http
