// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/gate_options.hpp>

#include <stdexcept>
#include <string>

namespace catena {

void check(const gate_options& o) {
  const auto expect = [](bool holds, const char* text) {
    if (!holds) throw std::invalid_argument("gate_options::" + std::string(text));
  };
  constexpr std::size_t most = 1'048'576;
  expect(o.line_capacity <= most, "line_capacity must be 0 to 1048576");
  expect(o.count >= 1, "count must be at least 1");
  expect(o.most >= 1 && o.most <= most, "most must be 1 to 1048576");
  expect(o.least >= 1 && o.least <= o.most, "least must be 1 to most");
  expect(o.target > duration{}, "target must be more than 0");
  expect(o.backoff >= 0.5 && o.backoff <= 0.99, "backoff must be 0.5 to 0.99");
  expect(o.tolerance >= 1 && o.tolerance <= 10, "tolerance must be 1 to 10");
  expect(o.probe_interval > duration{}, "probe_interval must be more than 0");
}

}  // namespace catena
