// SPDX-License-Identifier: BSL-1.0
// The README's first chain: is a payment a fraud? Three stages look at it side by side, one of them waits; a fourth decides.
// prints: allowed: a usual amount
// prints: refused: far from home
// prints: fraud/rules: a payment needs a card (invalid input)
// [chain]
#include <catena/catena.hpp>

#include <boost/asio.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct payment { std::string card, place; double amount; };
struct decision { bool allowed; std::string why; };

catena::result<bool> check_rules(const payment& p) {          // a failure is a value
  if (p.card.empty()) return catena::failure(catena::errc::invalid_input, "a payment needs a card");
  return p.amount < 1000;
}
double usual_amount(const payment&) { return 25; }
decision decide(bool small, double usual, double km_from_home) {
  if (!small && km_from_home > 1000) return {false, "far from home"};
  return {true, small ? "a usual amount" : "more than " + std::to_string(usual)};
}

auto make_fraud_chain(const catena::runtime& rt) {
  auto look_up_place = [rt](catena::call, const payment& p) -> asio::awaitable<double> {  // a coroutine: it may wait
    co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
    co_return p.place == "home" ? 0 : 9000;
  };
  auto unknown_place = [](const payment&) { return 0.0; };
  return catena::make_chain<payment>(rt, "fraud", [&](auto in) {
    auto small = in >> catena::stage("rules", check_rules);
    auto usual = in >> catena::stage("habits", usual_amount);
    auto km = in >> catena::stage("place", look_up_place).timeout(50ms).fallback(unknown_place);
    return catena::join(small, usual, km) >> catena::stage("decide", decide);
  });                                                         // catena::chain<payment, decision>
}
// [/chain]

// [run]
void print(const catena::result<decision>& r) {
  if (r) std::cout << (r->allowed ? "allowed: " : "refused: ") << r->why << "\n";
  else std::cout << r.error().to_string() << "\n";
}

asio::awaitable<void> ask(catena::runtime rt, catena::chain<payment, decision> fraud) {
  payment coffee{"4711", "home", 3.5}, yacht{"4711", "Monaco", 1e6}, no_card{"", "home", 3.5};
  decision d = co_await fraud(coffee);                        // throws catena::error
  print(d);
  print(co_await fraud.try_run(yacht, {.deadline = rt.now() + 1s}));   // answers result<decision>
  fraud.async_run(no_card, print);                            // any completion token
}

int main() {
  asio::io_context io;
  catena::runtime rt(io.get_executor());
  asio::co_spawn(io, ask(rt, make_fraud_chain(rt)), asio::detached);
  io.run();
}
// [/run]
