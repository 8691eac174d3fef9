// SPDX-License-Identifier: BSL-1.0
/// \file
/// An operator's endpoint with a thousand connections over TCP: time is virtual, so that none ends before its time on a slow machine.
#include <catena/chain.hpp>
#include <catena/http/operator_endpoint.hpp>
#include <catena/observe/metrics.hpp>
#include <catena/testing/manual_time.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/socket.h>

#include "support/outcome.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using Catch::Matchers::ContainsSubstring;
using http::operator_endpoint;
using http::operator_options;

namespace {

constexpr std::size_t many = 1000;

/// Both ends of so many connections are this process's.
bool may_open_many() {
  constexpr rlim_t needed = 2 * many + 300;
  rlimit open{};
  if (getrlimit(RLIMIT_NOFILE, &open) != 0) return false;
  if (open.rlim_cur >= needed) return true;
  if (open.rlim_max < needed) return false;
  open.rlim_cur = needed;
  return setrlimit(RLIMIT_NOFILE, &open) == 0;
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

/// One end of a connection, of which nothing waits for the executor.
class crowd_member {
 public:
  crowd_member(boost::asio::io_context& context, std::uint16_t port) : socket_(context) {
    socket_.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
  }
  void say(const std::string& text) { boost::asio::write(socket_, boost::asio::buffer(text)); }
  /// Whether the endpoint has closed it; takes what came before.
  bool has_ended() {
    char bytes[4096];
    while (!ended_) {
      const auto count = ::recv(socket_.native_handle(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return false;
      if (count > 0) received_.append(bytes, static_cast<std::size_t>(count));
      else ended_ = true;
    }
    return true;
  }
  [[nodiscard]] const std::string& received() const noexcept { return received_; }

 private:
  tcp::socket socket_;
  std::string received_;
  bool ended_ = false;
};

/// A service, its endpoint and the crowd, all on the test's thread.
class crowded_service {
 public:
  crowded_service() {
    ops.emplace(rt);  // so that what the executor opens once and for all is there
    close_endpoint();
    descriptors_before = open_descriptors();
  }
  void serve(const operator_options& options) { ops.emplace(rt, options); }
  void close_endpoint() {
    ops.reset();
    context.poll();
  }
  /// They all say this.
  void come(std::size_t count, const std::string& text = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      crowd.push_back(std::make_unique<crowd_member>(context, ops->port()));
      if (!text.empty()) crowd.back()->say(text);
      context.poll();
    }
  }
  template <class Done>
  void run_until(Done done) {
    const auto give_up = std::chrono::steady_clock::now() + 60s;
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) FAIL("it takes more than a minute");
      context.run_one_for(10ms);
      context.poll();
    }
  }
  [[nodiscard]] std::size_t ended() const {
    return static_cast<std::size_t>(std::ranges::count_if(crowd, [](const auto& c) { return c->has_ended(); }));
  }
  void pass(duration time) { clock->move_to(clock->now() + time); }
  std::string scrape() {
    crowd_member scraper(context, ops->port());
    scraper.say("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    run_until([&] { return scraper.has_ended(); });
    return scraper.received();
  }
  int run(int x) {
    test::outcome<int> end;
    doubling.async_run(x, end.take());
    run_until([&] { return end.count() != 0; });
    return end.value();
  }

  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> lasting{context.get_executor()};
  std::shared_ptr<testing::manual_time> clock = std::make_shared<testing::manual_time>();
  runtime rt{context.get_executor(), {.time = clock, .metrics = std::make_shared<metrics>()}};
  chain<int, int> doubling = make_chain<int>(rt, "doubling", [](auto in) { return in >> stage("double", [](int x) { return 2 * x; }); });
  std::optional<operator_endpoint> ops;
  std::vector<std::unique_ptr<crowd_member>> crowd;
  std::ptrdiff_t descriptors_before = 0;
};

}  // namespace

TEST_CASE("of a thousand idle connections those stay that may, until their time is over, and a scrape and a run wait for none of them") {
  if (!may_open_many()) CATENA_SKIP("a process may not have 2 300 files open");
  crowded_service s;
  for (const std::size_t most : {operator_options().most_connections, many + 100}) {
    INFO("at most " << most);
    const std::size_t stay = std::min(most, many);
    s.serve({.most_connections = most});
    s.come(many);
    s.run_until([&] { return s.ended() == many - stay; });
    CHECK(open_descriptors() == s.descriptors_before + 1 + static_cast<std::ptrdiff_t>(many + stay));
    CHECK_THAT(s.scrape(), ContainsSubstring("HTTP/1.1 200 OK\r\n") && ContainsSubstring("catena_runs_total"));
    CHECK(s.run(21) == 42);
    // The scrape took the place of one.
    CHECK(s.ended() == many - stay + (stay == most ? 1 : 0));
    s.pass(operator_options().idle_time - 1ms);
    s.context.poll();
    CHECK(s.ended() == many - stay + (stay == most ? 1 : 0));
    s.pass(1ms);
    s.run_until([&] { return s.ended() == many; });

    s.crowd.clear();
    s.come(many);
    s.run_until([&] { return s.ended() == many - stay; });
    s.close_endpoint();
    s.run_until([&] { return s.ended() == many; });
    CHECK(open_descriptors() == s.descriptors_before + static_cast<std::ptrdiff_t>(many));
    CHECK(s.run(4) == 8);
    s.crowd.clear();
    CHECK(open_descriptors() == s.descriptors_before);
  }
}

TEST_CASE("of a thousand connections with a request that does not end, those beyond the limit are refused at once and all others in time") {
  if (!may_open_many()) CATENA_SKIP("a process may not have 2 300 files open");
  crowded_service s;
  const std::size_t most = operator_options().most_connections;
  const auto told = [&](const std::string& status) {
    return std::ranges::count_if(s.crowd, [&](const auto& c) { return c->received().starts_with("HTTP/1.1 " + status); });
  };
  s.serve({});
  s.come(many, "GET /met");
  s.run_until([&] { return s.ended() == many - most; });
  CHECK(told("408") == 0);
  CHECK(s.run(21) == 42);
  s.pass(operator_options().request_time);
  s.run_until([&] { return s.ended() == many; });
  CHECK(told("408") == static_cast<std::ptrdiff_t>(most));
  s.crowd.clear();
  CHECK_THAT(s.scrape(), ContainsSubstring("HTTP/1.1 200 OK\r\n"));
  s.close_endpoint();
  CHECK(open_descriptors() == s.descriptors_before);
}
