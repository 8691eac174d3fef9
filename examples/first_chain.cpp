// SPDX-License-Identifier: BSL-1.0
// The README's first chain: is a payment a fraud? Three stages look at it side by side, one of them slow; a fourth decides.
// prints: coffee: allowed, 2 looks
// prints: yacht: refused, far from home
// prints: no card: fraud/rules: a payment needs a card (invalid input)
// [chain]
#include <catena/catena.hpp>

#include <boost/asio.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct payment { std::string card; double amount; };
struct decision { bool allowed; std::string why; };

catena::result<int> check_rules(const payment& p) {           // a failure is a value
  if (p.card.empty()) return catena::failure(catena::errc::invalid_input, "a payment needs a card");
  return p.amount < 1000 ? 0 : 1;
}
double usual_amount(const payment&) { return 25; }
asio::awaitable<double> distance(catena::call c, const payment& p) {   // a coroutine: it may wait
  if (c.deadline() == catena::no_deadline) co_return p.amount;
  co_return p.amount / 10;
}
decision decide(int flags, double usual, double km) {
  if (flags > 0 && km > 10 * usual) return {false, "far from home"};
  return {true, "2 looks"};
}

auto make_fraud_chain(const catena::runtime& rt) {
  return catena::make_chain<payment>(rt, "fraud", [](auto in) {
    auto flags = in >> catena::stage("rules", check_rules);
    auto usual = in >> catena::stage("habits", usual_amount);
    auto km = in >> catena::stage("distance", distance).timeout(50ms).fallback([](const payment&) { return 0.0; });
    return catena::join(flags, usual, km) >> catena::stage("decide", decide);
  });                                                          // catena::chain<payment, decision>
}
// [/chain]

asio::awaitable<void> decide_on(catena::chain<payment, decision> fraud, std::string what, payment p) {
  try {
    decision d = co_await fraud(p);
    std::cout << what << ": " << (d.allowed ? "allowed, " : "refused, ") << d.why << "\n";
  } catch (const catena::error& e) {
    std::cout << what << ": " << e.what() << "\n";
  }
}

int main() {
  asio::thread_pool pool(1);
  catena::runtime rt(pool.get_executor());
  auto fraud = make_fraud_chain(rt);
  payment coffee{"4711", 3.5}, yacht{"4711", 1e6}, no_card{"", 3.5};
  auto all = [&]() -> asio::awaitable<void> {
    co_await decide_on(fraud, "coffee", coffee);
    co_await decide_on(fraud, "yacht", yacht);
    co_await decide_on(fraud, "no card", no_card);
  };
  asio::co_spawn(pool, all(), asio::detached);
  pool.join();
}
