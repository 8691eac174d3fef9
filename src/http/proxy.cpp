// SPDX-License-Identifier: BSL-1.0
#include <catena/http/proxy.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <optional>

namespace catena::http {
namespace {

failure wrong_proxy(const std::string& what) { return {errc::invalid_input, "the proxy's URL " + what}; }

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Nothing: it is wrongly encoded.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text.front() != '%') {
      out += text.front();
      continue;
    }
    const int high = text.size() > 2 ? hex_digit(text[1]) : -1, low = text.size() > 2 ? hex_digit(text[2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    text.remove_prefix(2);
  }
  return out;
}

bool has_control_character(std::string_view text) noexcept {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string in_base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // OpenSSL writes a NUL behind it
  out.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                                                      static_cast<int>(bytes.size()))));
  return out;
}

}  // namespace

result<proxy> proxy::parse(std::string_view text, cleartext allowed) {
  const std::size_t begin = std::min(text.find("://"), text.size());
  const std::string_view behind = text.substr(std::min(begin + 3, text.size()));
  const std::string_view authority = behind.substr(0, behind.find_first_of("/?#"));
  const std::size_t at = authority.rfind('@');
  const std::string_view who = authority.substr(0, at == authority.npos ? 0 : at);
  const std::string without = std::string(text.substr(0, text.size() - behind.size())) + std::string(behind.substr(at == authority.npos ? 0 : at + 1));
  result<url> where = url::parse(without, allowed);
  if (!where) return where.error();
  proxy made(*std::move(where));
  if (made.where_.target() != "/") return wrong_proxy("has a path, which means nothing to a proxy");
  if (at == authority.npos) return made;

  const std::size_t colon = std::min(who.find(':'), who.size());
  const auto user = percent_decoded(who.substr(0, colon)), password = percent_decoded(who.substr(std::min(colon + 1, who.size())));
  if (who.size() > 1024) return wrong_proxy("has a user and a password of more than 1 KiB");
  if (!user || !password) return wrong_proxy("has a % in its user or its password that no two hexadecimal digits follow");
  if (user->find(':') != user->npos) return wrong_proxy("has a user with a colon, which cannot be told");
  if (has_control_character(*user + *password)) return wrong_proxy("has a user or a password with a control character");
  const std::string both = *user + ":" + *password;
  made.authorization_ = "Basic " + in_base64(both);
  // A proxy may repeat what it has decoded, too.
  for (const std::string& secret : {in_base64(both), both, *password}) made.secrets_.add("Proxy-Authorization", "Basic " + secret);
  return made;
}

}  // namespace catena::http
