// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A language model in memory and in virtual time, behind a scripted server.
#include <catena/chain/chain.hpp>
#include <catena/llm/chat_model.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <cstdlib>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "http/support/http_world.hpp"
#include "support/outcome.hpp"

namespace catena::test {

/// Text as it stands between the quotes of JSON.
[[nodiscard]] inline std::string quoted(const std::string& text) {
  std::string all;
  for (const char c : text) {
    if (c == '"' || c == '\\') all += '\\';
    if (c == '\n') all += "\\n";
    else all += c;
  }
  return '"' + all + '"';
}

[[nodiscard]] inline std::string event(const std::string& data) { return "data: " + data + "\n\n"; }

/// One event of a streamed answer.
[[nodiscard]] inline std::string token(const std::string& text) {
  return event(R"({"id":"c1","model":"served","choices":[{"index":0,"delta":{"content":)" + quoted(text) + R"(},"finish_reason":null}]})");
}
/// The last events of one.
[[nodiscard]] inline std::string last_events(const std::string& why, std::size_t tokens) {
  return event(R"({"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":)" + quoted(why) + R"(}]})") +
         event(R"({"id":"c1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":)" + std::to_string(tokens) + "}}") + "data: [DONE]\n\n";
}

struct chat_world : http_world {
  explicit chat_world(wire how = wire::plain, std::uint64_t seed = 1) : http_world({}, {}, how, seed) { ::setenv("CATENA_TEST_KEY", "sk-secret", 1); }

  [[nodiscard]] llm::chat_options options() const {
    llm::chat_options o;
    o.base_url = kind == wire::plain ? "http://localhost" : "https://localhost";
    o.key_variable = "CATENA_TEST_KEY";
    o.network = net;
    if (kind == wire::tls) o.ca_file = the_authority().ca_file();
    return o;
  }
  [[nodiscard]] llm::chat_model model() const { return {*rt, options()}; }

  /// A message as the server answers it, with more fields of the answer.
  [[nodiscard]] static std::string completion(const std::string& message, const std::string& more = "", const std::string& why = "stop") {
    return R"({"id":"c1","object":"chat.completion","model":"served","choices":[{"index":0,"finish_reason":)" + quoted(why) + R"(,"message":)" + message + "}]" +
           (more.empty() ? "" : "," + more) + "}";
  }
  [[nodiscard]] static std::string ok(const std::string& body) { return test::answer("200 OK", body, "Content-Type: application/json\r\n"); }

  /// The next connection is asked once more, and answers that.
  void answers(const std::string& text, const std::string& more = "") {
    server->next({await_request{}, send{ok(completion(R"({"role":"assistant","content":)" + quoted(text) + "}", more))}, stall{}});
  }
  void streams(const std::vector<std::string>& pieces, duration between) {
    script s{await_request{}, send{"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"}};
    for (const std::string& p : pieces) {
      s.push_back(pause{between});
      s.push_back(send{chunk(token(p))});
    }
    s.push_back(send{chunk(last_events("stop", pieces.size())) + "0\r\n\r\n"});
    s.push_back(stall{});
    server->next(std::move(s));
  }
  [[nodiscard]] static std::string chunk(const std::string& text) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string size;
    for (std::size_t n = text.size(); n != 0; n /= 16) size.insert(size.begin(), digits[n % 16]);
    return size + "\r\n" + text + "\r\n";
  }

  template <class Chain, class In>
  result<typename Chain::output_type> run(const Chain& chain, In in, run_options how = {}) {
    outcome<typename Chain::output_type> end;
    chain.async_run(give(in), how, end.take());
    return end_of(end);
  }
  /// Runs a coroutine to its end.
  template <class T>
  result<T> await(boost::asio::awaitable<T> what) {
    outcome<T> end;
    start(std::move(what), end);
    return end_of(end);
  }
  /// Begins it, to be stopped by the slot.
  template <class T>
  void start(boost::asio::awaitable<T> what, outcome<T>& end, boost::asio::cancellation_slot stop = {}) {
    auto keep = [](boost::asio::awaitable<T> from, outcome<T>& to) -> boost::asio::awaitable<void> {
      auto taken = to.take();
      try {
        taken(result<T>(co_await std::move(from)));
      } catch (...) {
        taken(result<T>(failure::from(std::current_exception())));
      }
    };
    boost::asio::co_spawn(rt->get_executor(), keep(std::move(what), end), boost::asio::bind_cancellation_slot(stop, boost::asio::detached));
  }
  /// Reads a stream to its end.
  template <class T>
  std::vector<T> read(stream<T> from) {
    return await(collect(std::move(from))).value();
  }

 private:
  template <class T>
  result<T> end_of(outcome<T>& end) {
    world.run_until([&] { return end.count() != 0; });
    if (!end.answered()) return end.why();
    return std::move(end.value());
  }
};

}  // namespace catena::test
