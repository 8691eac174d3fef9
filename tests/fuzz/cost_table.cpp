// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a cost table says of a size lies between what was measured there, and on the line between its neighbours elsewhere.
#include <catena/schedule/cost_table.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "fuzz/fuzz.hpp"

using namespace catena;
using fuzz::require;

namespace {

struct measured {
  double least = 0, most = 0;
  std::uint64_t count = 0, last = 0;
};
using measurements = std::map<std::size_t, measured>;

[[nodiscard]] bool is_near(double a, double b) { return std::abs(a - b) <= 1e-9 * (1 + std::max(std::abs(a), std::abs(b))); }

/// By the costs of the measured sizes themselves.
double interpolated(const cost_table& table, const measurements& all, std::size_t size) {
  const auto above = all.lower_bound(size);
  if (above == all.begin()) return table.cost(above->first);
  const auto below = std::prev(above);
  const double cost = table.cost(below->first);
  if (above == all.end()) return cost * static_cast<double>(size) / static_cast<double>(below->first);
  const double share = static_cast<double>(size - below->first) / static_cast<double>(above->first - below->first);
  return cost + share * (table.cost(above->first) - cost);
}

void agrees(const cost_table& table, const measurements& all, std::size_t size) {
  const double cost = table.cost(size);
  require(std::isfinite(cost) && cost >= 0);
  require(std::isfinite(table.error(size)) && table.error(size) >= 0);
  const auto found = all.find(size);
  require(table.measured(size) == (found != all.end()));
  if (all.empty()) return require(cost == 0);
  if (found == all.end()) {
    require(table.age(size) == cost_table::no_age);
    return require(is_near(cost, interpolated(table, all, size)));
  }
  const measured& m = found->second;
  require(cost >= m.least * (1 - 1e-9) && cost <= m.most * (1 + 1e-9));
  require(table.trusted(size) == (m.count >= cost_table::trusted_count));
  require(table.age(size) == table.learnt() - m.last);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::input in(data, size);
  cost_table table(static_cast<double>(1 + in.below(100)) / 100);
  measurements all;
  std::uint64_t learnt = 0;
  while (!in.empty()) {
    const std::size_t rows = in.below(in.below(4) ? 40 : 1000);
    if (in.below(3) != 0) {
      const duration took = in.span();
      table.learn(rows, took);
      if (rows != 0) {
        measured& m = all[rows];
        const auto ns = static_cast<double>(took.count());
        m.least = m.count == 0 ? ns : std::min(m.least, ns);
        m.most = std::max(m.most, ns);
        ++m.count;
        m.last = ++learnt;
      }
      require(table.learnt() == learnt);
      require(all.empty() || table.largest() == all.rbegin()->first);
    }
    if (rows != 0) agrees(table, all, rows);
    agrees(table, all, 1 + in.below(1200));
  }
  return 0;
}
