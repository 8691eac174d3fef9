// SPDX-License-Identifier: BSL-1.0
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include "http/support/http_world.hpp"
#include "http/support/misbehaviour.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using test::answer;
using test::http_world;
using test::misbehaviour;
using test::wire;

namespace {

/// The head of a ServerHello whose rest is still to come.
const std::string begun_hello("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03", 11);
const std::string alert_of_handshake("\x15\x03\x03\x00\x02\x02\x28", 7);
const std::string never = "no connection to localhost within 3000 ms";
const std::string closed = "no TLS connection: it was closed without its end";

/// They differ between OpenSSL 3.0 and later ones.
std::string words_for_alert() {
  OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, nullptr);
  return ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE));
}

/// What a server does below TLS, where a client expects it to shake hands.
const std::vector<misbehaviour> bad_handshakes{
    {"silence", {test::stall{}}, errc::timed_out, never},
    {"a stall inside", {test::send{begun_hello}, test::stall{}}, errc::timed_out, never},
    {"bytes that come too slowly", {test::send_slowly{begun_hello, 2s}, test::stall{}}, errc::timed_out, never},
    {"a close at once", {test::hang_up{}}, errc::unavailable, closed},
    {"a close inside", {test::send{begun_hello}, test::hang_up{}}, errc::unavailable, closed},
    {"a reset at once", {test::reset{}}, errc::unavailable, "no TLS connection: reading failed: the connection was reset"},
    {"a reset inside", {test::send{begun_hello}, test::pause{10ms}, test::reset{}}, errc::unavailable,
     "no TLS connection: reading failed: the connection was reset"},
    {"an alert", {test::send{alert_of_handshake}, test::stall{}}, errc::unavailable, "no TLS connection: " + words_for_alert()},
    {"plain HTTP", {test::send{answer("400 Bad Request", "TLS?")}, test::stall{}}, errc::unavailable, "no TLS connection: wrong version number"},
};

struct wrong_certificate {
  std::string name;
  std::shared_ptr<http::tls_context> server;
  std::string text;
};

const std::string until_the_end = "HTTP/1.1 200 OK\r\n\r\n{";

}  // namespace

TEST_CASE("a TLS handshake that goes wrong ends at once, and one that does not end, with the time to connect") {
  for (const misbehaviour& m : bad_handshakes) {
    INFO(m.name);
    http_world w({.timeouts = {.connect = 3s}}, {}, wire::tls);
    test::scripted_server below(*w.rt);
    below.next(m.does);
    w.net->listen("localhost", 443, below.acceptor());
    const time_point start = w.world.now();
    test::check_outcome(m, w.ask(w.get()));
    CHECK(w.world.now() - start == (m.code == errc::timed_out ? duration(3s) : m.name == "a reset inside" ? duration(10ms) : duration{}));
    w.world.run_until_idle();
    CHECK(w.client->stats().connections == 0);
  }
}

TEST_CASE("a server whose certificate is wrong is not asked, and the failure says what is wrong with it") {
  const test::authority another;
  const std::string untrusted = "the certificate of localhost is not to be trusted: ";
  for (const wrong_certificate& c :
       {wrong_certificate{"another name", test::the_authority().server("example.com"), untrusted + "hostname mismatch"},
        {"expired", test::the_authority().server("localhost", -1h), untrusted + "certificate has expired"},
        {"of another authority", another.server("localhost"), untrusted}}) {
    INFO(c.name);
    http_world w({}, {}, wire::tls, 1, c.server);
    w.server->next({test::await_request{}, test::stall{}});
    const auto r = w.ask(w.get());
    REQUIRE(r.has_error());
    test::check_failure(r.error(), errc::unavailable, c.text);
    CHECK(w.server->requests().empty());
    CHECK(w.client->stats().connections == 0);
  }
}

TEST_CASE("a body that lasts until the end of a TLS connection is not whole where that was only cut") {
  http_world w({}, {}, wire::tls);
  w.server->next(test::answering_and(until_the_end, test::cut_off{}));
  w.server->next(test::answering_and(until_the_end, test::hang_up{}));
  const auto cut = w.ask(w.get());
  REQUIRE(cut.has_error());
  test::check_failure(cut.error(), errc::unavailable, "the TLS connection broke: it was closed without its end");
  const auto whole = w.ask(w.get());
  REQUIRE(whole.has_value());
  CHECK(whole->body == "{");
}

TEST_CASE("an address is a host whose certificate names it") {
  test::tcp_place place(wire::tls);
  const auto ask = [&](const std::shared_ptr<http::tls_context>& tls) {
    test::scripted_server server(place.rt, tls);
    server.next(test::answering(answer("200 OK", "hello")));
    const auto r = place.ask({"GET", http::url::parse("https://127.0.0.1:" + std::to_string(server.listen())).value()});
    return r ? r->body : r.error().message();
  };
  CHECK(ask(test::the_authority().server("127.0.0.1")) == "hello");
  CHECK_THAT(ask(test::the_authority().server("127.0.0.2")), Catch::Matchers::ContainsSubstring("IP address mismatch"));
}

TEST_CASE("a client with a CA file that cannot be read is not made, and one that has been made needs the file no more") {
  const std::string file = "/tmp/catena-test-ca-file-" + std::to_string(::getpid());
  std::ifstream good_file(test::the_authority().ca_file());
  const std::string good(std::istreambuf_iterator<char>(good_file), {});
  http_world w({}, {}, wire::tls);
  w.server->next(test::answering(answer("200 OK", "ok")));
  http::client_options options;
  options.ca_file = file;
  options.network = w.net;
  const std::string message = "client_options::ca_file names a file that no certificates can be read from: " + file;
  CHECK_THROWS_WITH(http::client(*w.rt, options), message);
  for (const std::string& text : {std::string(), std::string("no PEM"), good.substr(0, good.size() / 2), good + good.substr(0, good.size() / 2)}) {
    std::ofstream(file) << text;
    CHECK_THROWS_WITH(http::client(*w.rt, options), message);
  }
  CHECK_THROWS_AS(http::client(*w.rt, {.ca_file = "/tmp"}), std::invalid_argument);
  std::ofstream(file) << good;
  const http::client made(*w.rt, options);
  ::unlink(file.c_str());
  test::outcome<http::response> end;
  made.async_send(w.get(), {}, end.take());
  w.world.run_until([&] { return end.count() != 0; });
  CHECK(end.answered());
}
