// SPDX-License-Identifier: BSL-1.0
// One name for a model here and a server elsewhere. The server is down: it is left alone after five requests, and replaced.
// prints: 45 of 50 requests answered
// prints: here: serving, 0 failures
// prints: there: ejected, 5 failures
// prints: 50 of 50 requests answered
// prints: here: serving, 0 failures
// prints: elsewhere: serving, 0 failures
#include <catena/catena.hpp>

#include <boost/asio.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;
using scorer = catena::replica_pool<int, double>;

double score(int points) { return points / 100.0; }

/// A server, as this program sees it: an answer after a while, or a connection that is refused.
struct server {
  catena::runtime rt;
  bool is_up;

  asio::awaitable<catena::result<double>> operator()(catena::call, int points) const {
    co_await rt.async_wait_until(rt.now() + 200us, asio::use_awaitable);
    if (!is_up) co_return catena::failure(asio::error::connection_refused);
    co_return score(points);
  }
};

// [pool]
scorer make_scorer(const catena::runtime& rt, const catena::model<int, double>& here, const server& there) {
  scorer pool(rt, {.name = "score", .breaker = {.first_wait = 10s}});
  pool.add(catena::stage("here", here));                               // a model, with its own queue
  pool.add(catena::stage("there", there).timeout(1s), {.weight = 2});  // a coroutine that asks a server
  return pool;                                                         // a stage, and called like a chain
}
// [/pool]

asio::awaitable<void> ask(const scorer& pool) {
  int answered = 0;
  for (int points = 0; points < 50; ++points) {
    const catena::result<double> r = co_await pool.try_run(points);
    answered += r.has_value();
  }
  std::cout << answered << " of 50 requests answered\n";
  for (const catena::replica_stats& s : pool.stats()) {
    const bool serves = s.state == catena::replica_state::serving;
    std::cout << s.name << ": " << (serves ? "serving" : "ejected") << ", " << s.failures << " failures\n";
  }
}

asio::awaitable<void> replace(scorer pool, server elsewhere) {
  co_await ask(pool);
  // [replace]
  pool.add(catena::stage("elsewhere", elsewhere));  // replicas come and go while requests run
  pool.remove("there");                             // what it has begun ends in peace
  // [/replace]
  co_await ask(pool);
}

int main() {
  asio::io_context io;
  const catena::runtime rt(io.get_executor());
  const auto here = catena::make_model<int, double>(rt, {.name = "score"}, [](catena::batch<int, double>& b) {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, score(b.input(i)));
  });
  const server there{rt, false}, elsewhere{rt, true};
  asio::co_spawn(io, replace(make_scorer(rt, here, there), elsewhere), asio::detached);
  io.run();
}
