// SPDX-License-Identifier: BSL-1.0
#include "src/http/page/operator_page.hpp"

#include <catena/incident/parking_lot.hpp>

#include <openssl/evp.h>

#include <cstdio>
#include <string>

#include "http/support/served_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using Catch::Matchers::ContainsSubstring;
using test::served_world;

namespace {

std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin) + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

/// The hash that a directive of the policy allows, in hex.
std::string allowed_by(const std::string& policy, const std::string& directive) {
  const std::string base64 = between(policy, directive + " 'sha256-", "'");
  std::string bytes(base64.size(), '\0');
  EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), reinterpret_cast<const unsigned char*>(base64.data()), static_cast<int>(base64.size()));
  std::string hex;
  for (std::size_t i = 0; i < 32; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(bytes[i])));
    hex += digits;
  }
  return hex;
}

}  // namespace

TEST_CASE("GET / is a page that may run its own script, have its own style, ask where it comes from, and nothing else") {
  served_world w;
  const std::string answered = w.ask({.line = "GET /"});
  CHECK_THAT(answered, ContainsSubstring("HTTP/1.1 200 OK\r\n") && ContainsSubstring("Content-Type: text/html; charset=utf-8\r\n") &&
                           ContainsSubstring("X-Content-Type-Options: nosniff\r\n") && ContainsSubstring("Cache-Control: no-store\r\n"));
  const std::string policy = between(answered, "Content-Security-Policy: ", "\r\n");
  CHECK(allowed_by(policy, "script-src") == sha256(between(answered, "<script>", "</script>")));
  CHECK(allowed_by(policy, "style-src") == sha256(between(answered, "<style>", "</style>")));
  CHECK_THAT(policy, ContainsSubstring("default-src 'none'; ") && ContainsSubstring("connect-src 'self'; img-src 'self' data:; ") &&
                         ContainsSubstring("frame-ancestors 'none'") && ContainsSubstring("require-trusted-types-for 'script'; trusted-types 'none'") &&
                         !ContainsSubstring("unsafe"));
}

TEST_CASE("the operator's page is small, needs nothing from elsewhere, and makes no elements of texts") {
  const std::string& page = http::operator_page().text;
  CHECK(page.size() <= 40 * 1024);
  for (const char* trace : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "https:", "src=\"", "@import", " style=\""}) {
    CAPTURE(trace);
    CHECK(page.find(trace) == page.npos);
  }
}

TEST_CASE("a page is assembled of its parts, whose hashes are those of what is shown") {
  const http::web_page page = http::assembled_page("<style></style><p><script></script>", "p{}", "go()");
  CHECK(page.text == "<style>p{}</style><p><script>go()</script>");
  CHECK(allowed_by(page.content_security_policy, "style-src") == sha256("p{}"));
  CHECK(allowed_by(page.content_security_policy, "script-src") == sha256("go()"));
}
