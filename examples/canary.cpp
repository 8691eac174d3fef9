// SPDX-License-Identifier: BSL-1.0
// New versions of a model are tried on a tenth of the customers, and promoted or rolled back by what they do.
// prints: version 4 is rolled back, stable is 3
// prints: version 5 is promoted, stable is 5
// prints: 0 of 20000 payments failed but those that version 4 had, and 0 saw two versions
#include <catena/catena.hpp>

#include <boost/asio.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct payment { int customer; double amount; };
struct scored { double risk; int version; };

scored risk_v3(const payment& p) { return {p.amount / 100, 3}; }
catena::result<scored> risk_v4(const payment& p) {
  if (p.customer % 20 == 7) return catena::failure(catena::errc::invalid_input, "never seen such a customer");
  return scored{p.amount / 110, 4};
}
scored risk_v5(const payment& p) { return {p.amount / 120, 5}; }

// [versions]
catena::versions<payment, scored> make_risk(const catena::runtime& rt) {
  catena::versions<payment, scored> risk(rt, {.name = "risk"}, &payment::customer);  // a customer has one version all along
  risk.add("3", risk_v3);                                      // a model, a chain, a function; the first one is stable
  risk.add("4", catena::stage("4", risk_v4).queue({.capacity = 100}));
  risk.begin_canary("4", {.share = 0.1});                      // promoted or rolled back by itself
  return risk;
}
// [/versions]

struct tally { int failed = 0, mixed = 0; };

void serve(asio::io_context& io, const catena::chain<payment, bool>& fraud, tally& of) {
  for (int i = 0; i < 10'000; ++i)
    fraud.async_run(payment{i, 25.0}, [&of](const catena::result<bool>& same) {
      if (!same) of.failed += same.error().path() != "fraud/score/4";
      else of.mixed += !*same;
    });
  io.run();
  io.restart();
}

void say_what_became_of_it(const catena::versions<payment, scored>& risk) {
  const catena::versions_stats stats = risk.stats();
  const auto& decision = stats.last_decision.value();
  std::cout << "version " << decision.version << " is " << (decision.verdict == catena::canary_verdict::promote ? "promoted" : "rolled back");
  for (const auto& v : stats.versions)
    if (v.label == catena::version_label::stable) std::cout << ", stable is " << v.version << "\n";
}

int main() {
  asio::io_context io;
  const catena::runtime rt(io.get_executor());
  const auto risk = make_risk(rt);
  const auto fraud = catena::make_chain<payment>(rt, "fraud", [&](auto in) {
    auto first = in >> catena::stage("score", risk);
    auto again = in >> catena::stage("score again", risk);      // the same version: it is chosen once for each run
    return catena::join(first, again) >> catena::stage("same", [](scored a, scored b) { return a.version == b.version; });
  });
  tally of;
  serve(io, fraud, of);
  say_what_became_of_it(risk);

  // [swap]
  risk.add("5", risk_v5);
  risk.mirror("5", {.share = 0.1});                            // first in the shadow: it sees what others are asked
  risk.begin_canary("5", {.share = 0.1, .rule = {.worse_by = 0.01}});
  risk.remove("4");                                            // destroyed when the last run that has it has ended
  // [/swap]
  serve(io, fraud, of);
  say_what_became_of_it(risk);
  std::cout << of.failed << " of 20000 payments failed but those that version 4 had, and " << of.mixed << " saw two versions\n";
}
