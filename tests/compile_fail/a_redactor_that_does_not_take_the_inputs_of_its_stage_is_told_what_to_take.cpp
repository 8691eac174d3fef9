// SPDX-License-Identifier: BSL-1.0
// expect: catena: \.trace_inputs\(f\) takes f\(const In&\.\.\.\) to what may be seen of the stage's inputs: text, a number or a bool
#include <catena/chain.hpp>

#include <string>

struct letter {
  std::string text;
};

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<letter>(rt, "chain", [](auto in) {
    return in >> catena::stage("read", [](const letter& l) { return l.text; }).trace_inputs([](const std::string& s) { return s.size(); });
  });
}
