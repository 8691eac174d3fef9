// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A client and a scripted server in memory and in virtual time, plain or by TLS.
#include <catena/http/client.hpp>
#include <catena/http/memory_network.hpp>
#include <catena/testing/manual_world.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "http/support/certificates.hpp"
#include "http/support/scripted_server.hpp"
#include "support/outcome.hpp"

namespace catena::test {

/// One for all tests: keys take time to make.
[[nodiscard]] inline const authority& the_authority() {
  static const authority one;
  return one;
}

/// One server that is trusted, for the same reason.
[[nodiscard]] inline const std::shared_ptr<http::tls_context>& localhost() {
  static const auto one = the_authority().server("localhost");
  return one;
}

enum class wire : bool { plain, tls };

struct http_world {
  explicit http_world(http::client_options options = {}, http::memory_network_options streams = {}, wire how = wire::plain, std::uint64_t seed = 1,
                      std::shared_ptr<http::tls_context> tls = nullptr)
      : world(seed),
        rt(world.runtime()),
        net(std::make_shared<http::memory_network>(*rt, streams)),
        kind(how),
        server(std::make_unique<scripted_server>(*rt, how == wire::plain ? nullptr : tls ? std::move(tls) : localhost())) {
    net->listen("localhost", how == wire::plain ? 80 : 443, server->acceptor());
    if (!options.network) options.network = net;
    if (how == wire::tls) options.ca_file = the_authority().ca_file();
    client.emplace(*rt, std::move(options));
  }
  [[nodiscard]] http::request get(const std::string& path = "/") const {
    return {"GET", http::url::parse((kind == wire::plain ? "http://localhost" : "https://localhost") + path).value()};
  }
  /// Asks, and lets time pass until the answer is there.
  result<http::response> ask(http::request what, run_options how = {}) {
    outcome<http::response> end;
    client->async_send(std::move(what), how, end.take());
    world.run_until([&] { return end.count() != 0; });
    if (!end.answered()) return end.why();
    return std::move(end.value());
  }

  testing::manual_world world;
  std::optional<runtime> rt;
  std::shared_ptr<http::memory_network> net;
  wire kind;
  std::unique_ptr<scripted_server> server;
  std::optional<http::client> client;
};

}  // namespace catena::test
