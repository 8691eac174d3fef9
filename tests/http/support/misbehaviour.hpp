// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Rows of the tables of outcomes: what a server does, and what whoever asked it is told.
#include <boost/asio/io_context.hpp>

#include <string>
#include <utility>

#include "http/support/http_world.hpp"

#include "support/catch.hpp"

namespace catena::test {

/// No failure.
inline constexpr errc well{};

/// Over TCP time is real: what takes minutes is for memory alone.
enum class how_long : bool { at_once, takes_time };

struct misbehaviour {
  std::string name;
  script does;
  errc code = well;       ///< what is to be done about it follows from that
  std::string text = {};  ///< a piece of the failure's text, or the whole body
  duration retry_after{};
  how_long lasts = how_long::at_once;
};

/// Answers a request with a text and says no more.
[[nodiscard]] inline script answering(std::string text) { return {await_request{}, send{std::move(text)}, stall{}}; }
/// Or does something else then.
template <class Then>
[[nodiscard]] script answering_and(std::string text, Then then) {
  return {await_request{}, send{std::move(text)}, then};
}
/// The same when all of the text has arrived: a reset overtakes what is on its way.
[[nodiscard]] inline script answering_and_reset(std::string text) {
  return {await_request{}, send{std::move(text)}, pause{std::chrono::milliseconds(10)}, reset{}};
}

inline void check_failure(const failure& why, errc code, const std::string& text) {
  CHECK(why.code() == make_error_code(code));
  CHECK_THAT(why.message(), Catch::Matchers::ContainsSubstring(text));
  CHECK(why.message().size() < 500);
}

inline void check_outcome(const misbehaviour& m, const result<http::response>& r) {
  if (m.code == well) {
    REQUIRE(r.has_value());
    CHECK(r->body == m.text);
    return;
  }
  REQUIRE(r.has_error());
  check_failure(r.error(), m.code, m.text);
  CHECK(r.error().retry_after() == m.retry_after);
}

/// A client over TCP, and one server at a time on this machine.
struct tcp_place {
  explicit tcp_place(wire how, http::client_options options = {}) : kind(how), rt(context.get_executor()) {
    options.ca_file = the_authority().ca_file();
    client.emplace(rt, std::move(options));
  }
  [[nodiscard]] http::request get(std::uint16_t port) const {
    return {"GET", http::url::parse((kind == wire::tls ? "https" : "http") + std::string("://localhost:") + std::to_string(port)).value()};
  }
  template <class Done>
  void run_until(Done done) {
    context.restart();
    while (!done()) REQUIRE(context.run_one() == 1);
  }
  result<http::response> ask(http::request what) {
    outcome<http::response> end;
    client->async_send(std::move(what), {}, end.take());
    run_until([&] { return end.count() != 0; });
    if (!end.answered()) return end.why();
    return std::move(end.value());
  }

  wire kind;
  boost::asio::io_context context{1};
  runtime rt;
  std::optional<http::client> client;
};

}  // namespace catena::test
