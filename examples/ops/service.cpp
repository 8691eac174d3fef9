// SPDX-License-Identifier: BSL-1.0
// A service to try the rules with: it is asked a hundred times a second, and Prometheus reads how that goes.
//
//   ops_service [PORT]     has its operator's endpoint at http://127.0.0.1:PORT; without one, at a port that it prints
//
// The line `break` on its standard input makes the server fail that it asks, `repair` ends that, and so does everything with `quit`.
#include <catena/chain.hpp>
#include <catena/http/operator_endpoint.hpp>
#include <catena/model.hpp>
#include <catena/observe/metrics.hpp>
#include <catena/recover/circuit_breaker.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <thread>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using score_chain = catena::chain<int, double>;

catena::runtime_options watched() {
  catena::metrics_options count{.slos = {{"score", {.success = 0.999, .p99 = 100ms}}}};  // what the rules warn of
  catena::runtime_options options;
  options.metrics = std::make_shared<catena::metrics>(std::move(count));
  return options;
}

/// A server, as this program sees it.
struct place_server {
  catena::runtime rt;
  std::shared_ptr<const std::atomic<bool>> is_broken;

  asio::awaitable<catena::result<int>> operator()(catena::call, const int& customer) const {
    co_await rt.async_wait_until(rt.now() + 2ms, asio::use_awaitable);
    if (*is_broken) co_return catena::failure(catena::errc::unavailable);
    co_return customer % 100;
  }
};

score_chain make_score_chain(const catena::runtime& rt, const place_server& server) {
  const auto risk = catena::make_model<int, double>(rt, {.name = "risk"}, [](catena::batch<int, double>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i) / 100.0);
  });
  const catena::circuit_breaker breaker({.window = 2s, .first_wait = 200ms, .longest_wait = 1s});
  return catena::make_chain<int>(rt, "score", [&](auto in) {
    return in >> catena::stage("place", server).breaker(breaker) >> catena::stage("risk", risk);
  });
}

asio::awaitable<void> ask(catena::runtime rt, score_chain score) {
  for (int customer = 0;; ++customer) {
    score.async_run(customer, {.deadline = rt.now() + 10s}, [](const catena::result<double>&) {});
    co_await rt.async_wait_until(rt.now() + 10ms, asio::use_awaitable);
  }
}

}  // namespace

int main(int argc, char** argv) {
  asio::io_context io;
  const catena::runtime rt(io.get_executor(), watched());
  const auto is_broken = std::make_shared<std::atomic<bool>>(false);
  const catena::http::operator_endpoint ops(rt, {.port = static_cast<std::uint16_t>(argc > 1 ? std::atoi(argv[1]) : 0)});
  std::cout << ops.port() << std::endl;
  asio::co_spawn(io, ask(rt, make_score_chain(rt, {rt, is_broken})), asio::detached);
  std::thread serving([&] { io.run(); });
  for (std::string line; std::getline(std::cin, line) && line != "quit";)
    if (line == "break" || line == "repair") *is_broken = line == "break";
  io.stop();
  serving.join();
}
