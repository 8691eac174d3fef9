// SPDX-License-Identifier: BSL-1.0
#include "operator_page.hpp"

#include <openssl/evp.h>

#include <array>
#include <utility>

namespace catena::http {

// What lies beside this file, as the build has written it down.
extern const std::string_view operator_page_html;
extern const std::string_view operator_page_css;
extern const std::string_view operator_page_js;

namespace {

/// As a content security policy names a text.
std::string hash_source(std::string_view text) {
  std::array<unsigned char, 32> hash{};
  EVP_Digest(text.data(), text.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
  std::array<unsigned char, 45> base64{};
  EVP_EncodeBlock(base64.data(), hash.data(), static_cast<int>(hash.size()));
  return "'sha256-" + std::string(base64.begin(), base64.end() - 1) + "'";
}

void fill(std::string& html, std::string_view element, std::string_view content) {
  const std::size_t end = html.find("</" + std::string(element) + ">");
  if (end != html.npos) html.insert(end, content);
}

}  // namespace

web_page assembled_page(std::string_view html, std::string_view css, std::string_view js) {
  std::string text(html);
  fill(text, "style", css);
  fill(text, "script", js);
  // By the last two, no text becomes elements, whatever the script does.
  return {.text = std::move(text),
          .content_security_policy = "default-src 'none'; script-src " + hash_source(js) + "; style-src " + hash_source(css) +
                                     "; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                                     "require-trusted-types-for 'script'; trusted-types 'none'"};
}

const web_page& operator_page() {
  static const web_page made = assembled_page(operator_page_html, operator_page_css, operator_page_js);
  return made;
}

}  // namespace catena::http
