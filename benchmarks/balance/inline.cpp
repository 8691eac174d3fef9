// SPDX-License-Identifier: BSL-1.0
// A pool of eight functions as a stage, in front of nothing that waits; beside it the same function as a nested chain.
#include <catena/balance/replica_pool.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <stdexcept>
#include <utility>

#include "policies.hpp"

namespace balance {
namespace {

int same(int i) { return i; }

struct service {
  [[nodiscard]] catena::chain<int, int> nested() const {
    const auto inner = catena::make_chain<int>(rt, "inner", [](auto in) { return in >> catena::stage("same", same); });
    return catena::make_chain<int>(rt, "c", [&](auto in) { return in >> catena::stage("s", inner); });
  }
  [[nodiscard]] catena::chain<int, int> pooled() const {
    const catena::replica_pool<int, int> pool(rt, {.breaker = {.ramp = {}}});
    for (int i = 0; i < 8; ++i) pool.add(catena::stage(std::to_string(i), same));
    return catena::make_chain<int>(rt, "c", [&](auto in) { return in >> catena::stage("s", pool); });
  }
  /// One after the other, on the executor.
  std::vector<bench::reading> run(const catena::chain<int, int>& c, int count) {
    int answered = 0;
    const bench::malloc_count mallocs;
    const double ns = bench::time_ns([&] {
      boost::asio::post(io, [&] {
        for (int i = 0; i < count; ++i) c.async_run(i, [&](const catena::result<int>& r) { answered += r.has_value(); });
      });
      io.run();
      io.restart();
    });
    if (answered != count) throw std::runtime_error("a request was not answered");
    return {{"ns_per_run", ns / count}, {"mallocs_per_run", static_cast<double>(mallocs.so_far()) / count}};
  }

  boost::asio::io_context io{1};
  catena::runtime rt{io.get_executor()};
};

void add(std::vector<bench::subject>& subjects, const std::string& name, catena::chain<int, int> (service::*make)() const) {
  subjects.push_back({"inline", name, [make](const bench::options& opts) -> bench::repetition {
    const auto s = std::make_shared<service>();
    return [s, c = (*s.*make)(), count = opts.size(500, 50), times = opts.size(1000, 10)] {
      std::vector<bench::reading> sum = s->run(c, count);
      for (int i = 1; i < times; ++i) {
        const auto one = s->run(c, count);
        for (std::size_t m = 0; m < sum.size(); ++m) sum[m].value += one[m].value;
      }
      for (bench::reading& r : sum) r.value /= times;
      return sum;
    };
  }});
}

}  // namespace

void add_inline(std::vector<bench::subject>& subjects) {
  add(subjects, "nested", &service::nested);
  add(subjects, "pool", &service::pooled);
}

}  // namespace balance
