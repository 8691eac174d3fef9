// SPDX-License-Identifier: BSL-1.0
#include "src/http/server/service.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace catena;
namespace server = http::server;

namespace {

const std::string good_token = "correct-horse-battery-staple";

struct rules {
  std::string token = good_token;
  bool is_secure = false;
  server::token_needed needed = server::token_needed::to_change;
};

server::service offered(const rules& r) {
  return server::service({{"GET", "/seen", nullptr}, {"PUT", "/changed", nullptr}, {"POST", "/changed", nullptr}},
                         {.hosts = {"localhost", "127.0.0.1", "::1", "ops.example"}, .token = r.token, .needed = r.needed, .is_secure = r.is_secure});
}

using named_values = std::vector<http::fields::field>;

server::request asked(const std::string& method, const std::string& target, const named_values& fields) {
  server::request r;
  r.method = method;
  r.target = target;
  for (const auto& [name, value] : fields) r.headers.add(name, value);
  return r;
}

/// Zero: it is served.
int status(const server::service& s, server::request r) {
  const auto refused = s.refusal(r);
  if (refused) CHECK(refused->body.find(good_token) == std::string::npos);
  return refused ? refused->status : 0;
}

const http::fields::field bearer{"Authorization", "Bearer " + good_token};
const http::fields::field here{"Host", "localhost:9090"};

}  // namespace

TEST_CASE("only those who ask for a host that is known are answered, whatever its port") {
  const auto s = offered({});
  for (const char* host : {"localhost", "LOCALHOST:9090", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:65535", "ops.example", "ops.example:443"}) {
    INFO(host);
    CHECK(status(s, asked("GET", "/seen", {{"Host", host}})) == 0);
  }
  for (const char* host : {"", "evil.example", "localhost.evil.example", "evil.example:9090", "localhost.", "127.0.0.2", "127.1", "::1", "[::1", "[::2]", "localhost:0",
                           "localhost:99999", "localhost:x", "localhost@evil.example", "evil.example/localhost", "localhost/", "localhost?", "localhost#",
                           "localhost, evil.example", "ops.example.", "*"}) {
    INFO(host);
    CHECK(status(s, asked("GET", "/seen", {{"Host", host}})) == 421);
    CHECK(status(s, asked("PUT", "/changed", {{"Host", host}, bearer})) == 421);
  }
  CHECK(status(s, asked("GET", "/seen", {})) == 421);
  CHECK(status(s, asked("GET", "/seen", {here, here})) == 421);
}

TEST_CASE("a token is needed for whatever changes something, on loopback too, and for nothing else there") {
  const auto s = offered({});
  CHECK(status(s, asked("GET", "/seen", {here})) == 0);
  CHECK(status(s, asked("HEAD", "/seen", {here})) == 0);
  for (const char* method : {"PUT", "POST"}) {
    INFO(method);
    CHECK(status(s, asked(method, "/changed", {here, bearer})) == 0);
    CHECK(status(s, asked(method, "/changed", {here, {"authorization", "BEARER " + good_token}})) == 0);
    CHECK(status(s, asked(method, "/changed", {here})) == 401);
    for (const std::string& wrong :
         {std::string(), std::string("Bearer"), std::string("Bearer "), "Bearer  " + good_token, "Bearer " + good_token + " ", good_token, "Basic " + good_token,
          "Bearer " + good_token.substr(1), "Bearer " + good_token.substr(0, good_token.size() - 1), "Bearer " + good_token + "x", "Bearer x" + good_token}) {
      INFO(wrong);
      CHECK(status(s, asked(method, "/changed", {here, {"Authorization", wrong}})) == 401);
    }
    CHECK(status(s, asked(method, "/changed", {here, bearer, bearer})) == 401);
  }
}

TEST_CASE("who has named no token changes nothing, and is told how to name one") {
  const auto s = offered({.token = ""});
  CHECK(status(s, asked("GET", "/seen", {here})) == 0);
  for (const char* given : {"Bearer ", "Bearer x", ""}) CHECK(status(s, asked("PUT", "/changed", {here, {"Authorization", given}})) == 403);
  auto r = asked("PUT", "/changed", {here});
  CHECK_THAT(s.refusal(r)->body, Catch::Matchers::ContainsSubstring("operator_options::token"));
}

TEST_CASE("where more than loopback can ask, nobody sees anything without the token") {
  const auto s = offered({.needed = server::token_needed::to_ask_at_all});
  for (const char* target : {"/seen", "/nowhere", "/changed"}) {
    INFO(target);
    CHECK(status(s, asked("GET", target, {here})) == 401);
  }
  CHECK(status(s, asked("GET", "/seen", {here, bearer})) == 0);
  CHECK(status(s, asked("GET", "/nowhere", {here, bearer})) == 404);
  CHECK(status(s, asked("PUT", "/changed", {here, bearer})) == 0);
  auto r = asked("GET", "/seen", {here});
  CHECK(s.refusal(r)->headers.find("WWW-Authenticate") == "Bearer");
}

TEST_CASE("what is shown to everybody needs no token, but a host that is known") {
  const server::service s({{"GET", "/", nullptr, server::shown_to::everybody}, {"GET", "/seen", nullptr}},
                          {.hosts = {"localhost"}, .token = good_token, .needed = server::token_needed::to_ask_at_all});
  CHECK(status(s, asked("GET", "/", {here})) == 0);
  CHECK(status(s, asked("HEAD", "/", {here})) == 0);
  CHECK(status(s, asked("POST", "/", {here})) == 401);
  CHECK(status(s, asked("GET", "/seen", {here})) == 401);
  CHECK(status(s, asked("GET", "/", {{"Host", "evil.example"}})) == 421);
}

TEST_CASE("a page of another origin changes nothing, even if it has the token") {
  const auto plain = offered({}), secure = offered({.is_secure = true});
  const auto from = [&](const server::service& s, const std::string& host, const std::string& origin) {
    return status(s, asked("PUT", "/changed", {{"Host", host}, bearer, {"Origin", origin}}));
  };
  CHECK(from(plain, "localhost:9090", "http://localhost:9090") == 0);
  CHECK(from(plain, "localhost", "http://localhost:80") == 0);
  CHECK(from(plain, "LocalHost:9090", "http://localhost:9090") == 0);
  CHECK(from(plain, "[::1]:9090", "http://[::1]:9090") == 0);
  CHECK(from(secure, "ops.example", "https://ops.example:443") == 0);
  for (const char* origin : {"null", "", "http://localhost", "http://localhost:9091", "https://localhost:9090", "http://127.0.0.1:9090", "http://evil.example",
                             "http://localhost:9090.evil.example", "http://localhost:9090@evil.example", "http://localhost:9090/", "localhost:9090", "file://"}) {
    INFO(origin);
    CHECK(from(plain, "localhost:9090", origin) == 403);
  }
  CHECK(from(secure, "ops.example", "http://ops.example") == 403);
  const http::fields::field own{"Origin", "http://localhost:9090"};
  CHECK(status(plain, asked("PUT", "/changed", {here, bearer, own, own})) == 403);
  CHECK(status(plain, asked("PUT", "/changed", {here, bearer, own, {"Origin", "http://evil.example"}})) == 403);
  CHECK(status(plain, asked("GET", "/seen", {here, {"Origin", "http://evil.example"}})) == 0);
}
