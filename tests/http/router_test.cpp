// SPDX-License-Identifier: BSL-1.0
#include "src/http/server/router.hpp"

#include <string>
#include <variant>
#include <vector>

#include "support/catch.hpp"

using namespace catena;
using http::server::percent_decoded;
using http::server::router;

namespace {

const router& some_routes() {
  static const router one({{"GET", "/", nullptr},
                           {"GET", "/chains", nullptr},
                           {"GET", "/chains/{name}", nullptr},
                           {"GET", "/chains/{name}/stages", nullptr},
                           {"PUT", "/policy", nullptr},
                           {"GET", "/policy", nullptr},
                           {"POST", "/runs/{ticket}", nullptr}});
  return one;
}

/// "METHOD PATTERN", with what stands for the name; or the status, with the methods that there are.
std::string where(std::string_view method, std::string_view path) {
  const auto found = some_routes().find(method, path);
  if (const auto* to = std::get_if<router::found>(&found)) return to->to->method + " " + to->to->pattern + (to->name.empty() ? "" : " " + to->name);
  const auto& none = std::get<http::server::answer>(found);
  return std::to_string(none.status) + std::string(none.headers.find("Allow").value_or(""));
}

}  // namespace

TEST_CASE("a path leads to the route of its method, and a part of it stands for the route's name") {
  CHECK(where("GET", "/") == "GET /");
  CHECK(where("HEAD", "/") == "GET /");
  CHECK(where("GET", "/chains") == "GET /chains");
  CHECK(where("GET", "/chains/fraud") == "GET /chains/{name} fraud");
  CHECK(where("GET", "/chains/fraud/stages") == "GET /chains/{name}/stages fraud");
  CHECK(where("PUT", "/policy") == "PUT /policy");
  CHECK(where("POST", "/runs/0af3") == "POST /runs/{ticket} 0af3");
}

TEST_CASE("what has no route is not found, and another method is told those that there are") {
  for (const char* path : {"//", "/chain", "/chains/", "/chains//", "/chains/a/", "/chains/a/b", "/chains/a/stages/", "/Policy", "/runs", "/{name}"}) {
    INFO(path);
    CHECK(where("GET", path) == "404");
  }
  CHECK(where("DELETE", "/policy") == "405PUT, GET, HEAD");
  CHECK(where("OPTIONS", "/chains/a") == "405GET, HEAD");
  CHECK(where("get", "/chains") == "405GET, HEAD");
  CHECK(where("HEAD", "/runs/a") == "405POST");
}

TEST_CASE("a name in a path is percent-decoded, and none that is no text or is too long") {
  CHECK(where("GET", "/chains/a%2Fb%20c%3Cscript%3e") == "GET /chains/{name} a/b c<script>");
  CHECK(where("GET", "/chains/%c3%a9") == "GET /chains/{name} \xc3\xa9");
  CHECK(where("GET", "/chains/..") == "GET /chains/{name} ..");
  for (const char* path : {"/chains/%", "/chains/%4", "/chains/%4g", "/chains/%00", "/chains/%0d%0a", "/chains/%7f"}) {
    INFO(path);
    CHECK(where("GET", path) == "400");
  }
  CHECK(where("GET", "/chains/" + std::string(router::longest_name, 'a')).size() > router::longest_name);
  CHECK(where("GET", "/chains/" + std::string(router::longest_name + 1, 'a')) == "400");
}

TEST_CASE("a query's parameters are found by their names") {
  http::server::request r;
  r.target = "/chains/a?format=svg&empty=&bare&x%20y=%41%26&bad=%4&format=dot";
  CHECK(r.path() == "/chains/a");
  CHECK(r.parameter("format") == "svg");
  CHECK(r.parameter("empty") == "");
  CHECK(r.parameter("bare") == "");
  CHECK(r.parameter("x y") == "A&");
  CHECK_FALSE(r.parameter("bad"));
  CHECK_FALSE(r.parameter("svg"));
  r.target = "/chains/a";
  CHECK(r.query().empty());
  CHECK_FALSE(r.parameter(""));
}

TEST_CASE("an answer says what may be done with it, and no field of it ends its line") {
  http::server::answer a{.status = 200, .body = "text", .content_type = "text/plain"};
  a.headers.add("X-Note", "fine");
  a.headers.add("X-Bad", "one\r\nX-Two: two");
  const std::string common =
      "Content-Type: text/plain\r\nContent-Length: 4\r\nCache-Control: no-store\r\nContent-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\nX-Note: fine\r\n";
  using namespace http::server;
  CHECK(text_of(a, body_sent::yes, after_answer::connection_stays) == "HTTP/1.1 200 OK\r\n" + common + "\r\ntext");
  CHECK(text_of(a, body_sent::no, after_answer::connection_ends) == "HTTP/1.1 200 OK\r\n" + common + "Connection: close\r\n\r\n");
  CHECK(error_answer(400, "a \"quoted\" \xff <script>").body == "{\"error\":\"a \\\"quoted\\\" \xef\xbf\xbd <script>\"}\n");
}
