// SPDX-License-Identifier: BSL-1.0
// Tenants ask a costly model. Each has a budget, all share the machine, and what a tenant has asked before costs nothing.
// prints: tenant 1, what is a stage: a stage is a unit of work
// prints: tenant 1, what is a stage: a stage is a unit of work
// prints: tenant 2, what is a stage: a stage is a unit of work
// prints: tenant 1, what is a chain: a chain is a DAG of stages
// prints: tenant 1, what is a model: come again in 6 s
// prints: tenant 2, what is a model: a model answers batches
// prints: the model was asked 4 times, 1 answer was found
#include <catena/catena.hpp>

#include <boost/asio.hpp>

#include <iostream>
#include <map>

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct question { std::string text; int tokens; };
void hash_append(catena::hasher& h, const question& q) { h.append(q.text); }   // what determines the answer

/// A stage that is costly: before it asks, it takes the tenant's own tokens.
struct ask_model {
  catena::runtime rt;
  std::map<std::uint32_t, catena::admission> budgets;
  std::map<std::string, std::string> knows{{"what is a stage", "a stage is a unit of work"},
                                           {"what is a chain", "a chain is a DAG of stages"},
                                           {"what is a model", "a model answers batches"}};
  int& asked;

  asio::awaitable<std::string> operator()(catena::call c, const question& q) const {
    co_await budgets.at(c.tenant()).admit(q.tokens, c.options());
    co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
    ++asked;
    co_return knows.at(q.text);
  }
};

// [chain]
std::int64_t used(const std::string& answer) { return std::ssize(answer) / 4; }

auto make_help(const catena::runtime& rt, ask_model ask, const catena::admission& machine, const catena::cache<std::string>& kept) {
  return catena::make_chain<question>(rt, "help", [&](auto in) {
    return in >> catena::stage("ask", std::move(ask))
                     .limit(machine, &question::tokens, used)   // an estimate, settled with what the answer says
                     .cache(kept)                               // a hit pays nothing; each tenant has its own answers
                     .timeout(2s);
  });
}
// [/chain]

// [budget]
catena::admission budget(const catena::runtime& rt, std::string name, catena::token_bucket_options tokens) {
  const catena::shared_bucket bucket(rt, name, tokens);   // several admissions may take from one, and one from several
  return catena::admission(rt, {.name = name, .buckets = {bucket}, .line_capacity = 100});
}
// [/budget]

asio::awaitable<void> talk(catena::chain<question, std::string> help) {
  const std::vector<std::pair<std::uint32_t, std::string>> talk{{1, "what is a stage"}, {1, "what is a stage"}, {2, "what is a stage"},
                                                               {1, "what is a chain"}, {1, "what is a model"}, {2, "what is a model"}};
  for (const auto& [tenant, text] : talk) {
    const question q{text, 8};
    catena::result<std::string> answer = co_await help.try_run(q, {.tenant = tenant});
    std::cout << "tenant " << tenant << ", " << text << ": ";
    if (answer) std::cout << *answer << "\n";
    else std::cout << "come again in " << std::chrono::ceil<std::chrono::seconds>(answer.error().retry_after()).count() << " s\n";
  }
}

int main() {
  asio::io_context io;
  const catena::runtime rt(io.get_executor());
  const catena::cache<std::string> kept(rt, {.capacity_count = 1000, .ttl = 10min});
  const catena::token_bucket_options small{.refill = {.tokens = 1}, .capacity = 18};
  int asked = 0;
  const ask_model ask{.rt = rt, .budgets = {{1, budget(rt, "tenant 1", small)}, {2, budget(rt, "tenant 2", small)}}, .asked = asked};
  const auto machine = budget(rt, "machine", {.refill = {.tokens = 1000}, .capacity = 100});
  asio::co_spawn(io, talk(make_help(rt, ask, machine, kept)), asio::detached);
  io.run();
  std::cout << "the model was asked " << asked << " times, " << kept.stats().hits << " answer was found\n";
}
