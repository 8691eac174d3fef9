// SPDX-License-Identifier: BSL-1.0
#include <catena/http/url.hpp>

#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace catena;
using http::cleartext;
using http::url;

TEST_CASE("an https URL falls into host, port and target") {
  const url a = url::parse("HTTPS://API.Example.com/v1/chat?x=1").value();
  CHECK(a.is_secure());
  CHECK(a.host() == "api.example.com");
  CHECK(a.port() == 443);
  CHECK(a.target() == "/v1/chat?x=1");
  CHECK(a.authority() == "api.example.com");
  CHECK(a.origin() == "https://api.example.com:443");

  const url b = url::parse("https://[2001:DB8::1]:8443?q").value();
  CHECK(b.host() == "2001:DB8::1");
  CHECK(b.target() == "/?q");
  CHECK(b.authority() == "[2001:DB8::1]:8443");
  CHECK(url::parse("https://h:443").value().authority() == "h");
  CHECK(url::parse("https://h:").value().target() == "/");
}

TEST_CASE("http:// is taken on this machine, and anywhere if it is asked for") {
  for (const std::string here : {"http://localhost:8080/v1", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:80/"})
    CHECK(url::parse(here).value().is_loopback());
  for (const std::string there : {"http://example.com", "http://localhost.example.com", "http://127.example.com", "http://10.0.0.1", "http://[::2]"}) {
    CHECK(url::parse(there).error().is(errc::invalid_input));
    CHECK_THAT(url::parse(there).error().message(), Catch::Matchers::ContainsSubstring("http:// and not on this machine"));
    CHECK_FALSE(url::parse(there, cleartext::anywhere).value().is_secure());
  }
}

TEST_CASE("what is wrong with a URL is said, and nothing in it that may be secret") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "is empty"},
      {"api.example.com/v1", "has no scheme"},
      {"ftp://secret.example.com", "has a scheme that is not https"},
      {"https://user:secret@example.com", "has a user in front of the host"},
      {"https://", "has no host"},
      {"https:///secret", "has no host"},
      {"https://:80", "has no host"},
      {"https://exa mple.com", "a character that no name of a host has"},
      {"https://ex\xC3\xA4mple.com", "a character that no name of a host has"},
      {"https://a..b", "an empty part between its dots"},
      {"https://" + std::string(254, 'a'), "more than 253 characters"},
      {"https://[::1", "without its ']'"},
      {"https://[secret]", "no IPv6 address between its brackets"},
      {"https://[fe80::1%25eth0]", "no IPv6 address between its brackets"},
      {"https://[::1]secret", "something behind the host that is no port"},
      {"https://h:0", "a port that is no number from 1 to 65535"},
      {"https://h:65536", "a port that is no number from 1 to 65535"},
      {"https://h:80x", "a port that is no number from 1 to 65535"},
      {"https://h/secret#part", "has a fragment"},
      {"https://h/secret\r\nX: y", "must be percent-encoded, at 7 of its path"},
      {"https://h/a secret", "must be percent-encoded, at 2 of its path"},
      {"https://h/" + std::string(8200, 'a'), "longer than 8 KiB"},
  };
  for (const auto& [text, said] : cases) {
    INFO(text);
    const auto parsed = url::parse(text);
    REQUIRE(parsed.has_error());
    CHECK(parsed.error().is(errc::invalid_input));
    CHECK_THAT(parsed.error().message(), Catch::Matchers::ContainsSubstring(said));
    CHECK(parsed.error().message().find("secret") == std::string::npos);
  }
}

TEST_CASE("a path is put behind a URL's own with one slash between them") {
  for (const std::string base : {"https://h/v1", "https://h/v1/", "https://h/v1?x"})
    for (const std::string path : {"chat/completions", "/chat/completions"})
      CHECK(url::parse(base).value().under(path).value().target() == "/v1/chat/completions");
  CHECK(url::parse("https://h").value().under("models?limit=2").value().target() == "/models?limit=2");
  CHECK(url::parse("https://h").value().under("a b").has_error());
}
