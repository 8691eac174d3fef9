// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "http/support/http_world.hpp"
#include "http/support/misbehaviour.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::http_world;
using test::wire;

namespace {

const std::string connected = "HTTP/1.1 200 Connection established\r\n\r\n";

/// A client that is to go through a proxy which says `says`, and then goes on as the server.
struct proxied_world : http_world {
  explicit proxied_world(const std::string& says, http::proxy by = http::url::parse("http://127.0.0.1:3128").value())
      : behind_proxy(*rt) {
    behind_proxy.next({test::await_request{}, test::send{says}, test::await_request{}, test::send{test::answer("200 OK", "ok")}, test::stall{}});
    net->listen("127.0.0.1", 3128, behind_proxy.acceptor());
    http::client_options options;
    options.network = net;
    options.ca_file = test::the_authority().ca_file();
    options.timeouts.connect = 1s;
    options.proxy = std::move(by);
    client.emplace(*rt, std::move(options));
  }
  result<http::response> ask_by(const std::string& scheme) {
    http::request what("GET", http::url::parse(scheme + "://localhost/secret").value());
    what.headers.set("Authorization", "Bearer sk-0123456789");
    return ask(std::move(what));
  }
  test::scripted_server behind_proxy;
};

http::proxy proxy_of(const std::string& text) { return http::proxy::parse(text).value(); }

}  // namespace

TEST_CASE("a proxy connects in the client's place, and sees nothing of the request") {
  proxied_world plain(connected);
  CHECK(plain.ask_by("http")->body == "ok");
  CHECK(plain.behind_proxy.requests().at(0) == "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n");
  proxied_world secure(connected);  // whose proxy does not know TLS
  CHECK(secure.ask_by("https").error().message() == "no connection to localhost within 1000 ms");
  CHECK(secure.behind_proxy.requests().at(0) == "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n");
}

TEST_CASE("each misbehaviour of a proxy has its failure, which says that it was the proxy") {
  const std::string no_sense = "the answer of the proxy 127.0.0.1 is not to be understood: ";
  struct proxy_row {
    std::string says;
    errc code;
    std::string text;
  };
  for (const proxy_row& row : std::vector<proxy_row>{
           {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", errc::refused,
            "the proxy 127.0.0.1 answers 407 Proxy Authentication Required and does not connect to localhost"},
           {"HTTP/1.1 403 Forbidden\r\n\r\n", errc::refused, "the proxy 127.0.0.1 answers 403 Forbidden and does not connect"},
           {"HTTP/1.1 502 Bad Gateway\r\n\r\n", errc::unavailable, "the proxy 127.0.0.1 answers 502 Bad Gateway and does not connect"},
           {"HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n", errc::unavailable, "the proxy 127.0.0.1 answers 302 Found and"},
           {connected + "more", errc::unavailable, "the proxy 127.0.0.1 says more than that it has connected"},
           {"nonsense\r\n\r\n", errc::unavailable, no_sense + "it is no HTTP"},
           {"HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'), errc::unavailable, no_sense + "its head is too long"},
           {"HTTP/1.1 200", errc::timed_out, "no connection to localhost within 1000 ms"}}) {
    INFO(row.text);
    proxied_world w(row.says);
    const auto r = w.ask_by("http");
    REQUIRE(r.has_error());
    test::check_failure(r.error(), row.code, row.text);
    CHECK(w.client->stats().connections == 0);
  }
}

TEST_CASE("a proxy's answer may come in parts") {
  const std::string all = "HTTP/1.1 200 Connection established\r\nVia: 1.1 one\r\n\r\n";
  for (std::size_t at = 1; at < all.size(); ++at) {
    INFO(all.substr(0, at));
    proxied_world w("");
    test::scripted_server slow(*w.rt);
    slow.next({test::await_request{}, test::send{all.substr(0, at)}, test::pause{1ms}, test::send{all.substr(at)}, test::await_request{},
               test::send{test::answer("200 OK", "ok")}, test::stall{}});
    w.net->listen("127.0.0.1", 3128, slow.acceptor());
    const auto r = w.ask_by("http");
    if (r.has_error()) FAIL_CHECK(r.error().message());
    else CHECK(r->body == "ok");
  }
}

TEST_CASE("a proxy is told who asks, the server is not, and no failure says it") {
  const std::string who = "http://us%40er:pass%20w%2Ford@127.0.0.1:3128", told = "dXNAZXI6cGFzcyB3L29yZA==";
  CHECK(proxy_of(who).authorization() == "Basic " + told);
  proxied_world w(connected, proxy_of(who));
  CHECK(w.ask_by("http")->body == "ok");
  CHECK(w.behind_proxy.requests().at(0) ==
        "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\nProxy-Authorization: Basic " + told + "\r\n\r\n");
  CHECK(w.behind_proxy.requests().at(1).find("Proxy-Authorization") == std::string::npos);

  for (const std::string& echoed : {told, std::string("us@er:pass w/ord"), std::string("pass w/ord")}) {
    proxied_world refusing("HTTP/1.1 407 wrong: " + echoed + "!\r\n\r\n", proxy_of(who));
    const auto r = refusing.ask_by("http");
    REQUIRE(r.has_error());
    test::check_failure(r.error(), errc::refused, "the proxy 127.0.0.1 answers 407 wrong: ***! and does not connect to localhost");
  }
}

TEST_CASE("a proxy's URL is as environment variables have it, and what is wrong with it is said without its secrets") {
  CHECK(proxy_of("http://127.0.0.1:3128").authorization().empty());
  CHECK(proxy_of("http://127.0.0.1:3128/").where().host_and_port() == "127.0.0.1:3128");
  CHECK(proxy_of("http://user@localhost").authorization() == "Basic dXNlcjo=");
  CHECK(proxy_of("http://user:a:b@localhost").authorization() == "Basic dXNlcjphOmI=");
  CHECK(proxy_of("http://user:a@b@[::1]:8080").where().host() == "::1");
  CHECK(http::proxy::parse("http://user:secret@proxy.example:3128", http::cleartext::anywhere).value().where().host() == "proxy.example");
  for (const auto& [text, wrong] : std::vector<std::pair<std::string, std::string>>{
           {"http://user:secret@proxy.example:3128", "is http:// and not on this machine"},
           {"user:secret@localhost", "has no scheme"},
           {"http://user:secret@", "has no host"},
           {"http://user:secret@localhost:0", "has a port that is no number"},
           {"http://user:sec/ret@localhost", "has a port that is no number"},
           {"http://user:secret@localhost/path", "has a path, which means nothing to a proxy"},
           {"http://user:secret%4@localhost", "has a % in its user or its password"},
           {"http://user:secret%zz@localhost", "has a % in its user or its password"},
           {"http://us%3Aer:secret@localhost", "has a user with a colon"},
           {"http://user:secret%0d%0aX:1@localhost", "with a control character"},
           {"http://user:" + std::string(1100, 's') + "@localhost", "more than 1 KiB"}}) {
    INFO(wrong);
    const auto parsed = http::proxy::parse(text);
    REQUIRE(parsed.has_error());
    test::check_failure(parsed.error(), errc::invalid_input, wrong);
    CHECK(parsed.error().message().find("sec") == std::string::npos);
    CHECK(parsed.error().message().find("user:") == std::string::npos);
  }
  http_world w;
  CHECK_THROWS_WITH(http::client(*w.rt, {.proxy = http::proxy(http::url::parse("https://localhost").value())}),
                    "client_options::proxy must be an http:// URL");
}
