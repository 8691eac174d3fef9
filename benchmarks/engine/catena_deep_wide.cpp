// SPDX-License-Identifier: BSL-1.0
// catena far out: 100 000 stages in a row, and a million items through one stage; all inline, and all suspending with the last
// one failing.
#include <boost/asio/append.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catena_graphs.hpp"
#include "subjects.hpp"

namespace engine {
namespace {

namespace asio = boost::asio;
using std::int64_t;

enum class way { inline_stages, all_suspend_last_fails };

struct context_and_runtime {
  asio::io_context context{1};
  catena::runtime rt{context.get_executor()};
};

/// Runs the chain once and gives its time per stage; `wrong` looks at the answer.
template <class Chain, class In, class Wrong>
bench::repetition timed(std::shared_ptr<context_and_runtime> world, Chain chain, In in, std::size_t stage_count, Wrong wrong) {
  return [=] {
    bool failed = true;
    In input = in;
    const double ns = bench::time_ns([&] {
      chain.async_run(std::move(input), [&](auto answered) { failed = wrong(answered); });
      world->context.run();
      world->context.restart();
    });
    if (failed) throw std::runtime_error("catena: wrong answer");
    return std::vector<bench::reading>{{"ns_per_stage", ns / static_cast<double>(stage_count)}};
  };
}

/// A stage that suspends once; the one that is given `last` fails.
auto suspending(const catena::runtime& rt, int64_t last) {
  return [rt, last](int64_t x, auto token) {
    using answer = catena::result<int64_t>;
    return rt.async_yield(asio::append(std::move(token), x == last ? answer(catena::failure(catena::errc::invalid_input)) : answer(x + 1)));
  };
}

bench::repetition deep(const bench::options& opts, way how) {
  const auto stage_count = opts.size<std::size_t>(100'000, 10'000);
  auto world = std::make_shared<context_and_runtime>();
  auto chain = catena::make_chain<int64_t>(world->rt, "deep", [&](catena::node<int64_t> x) {
    for (std::size_t i = 0; i < stage_count; ++i) {
      const std::string name = std::to_string(i);
      if (how == way::inline_stages) x = x >> catena::stage(name, stages().one);
      else x = x >> catena::stage(name, suspending(world->rt, static_cast<int64_t>(stage_count) - 1));
    }
    return x;
  });
  return timed(world, chain, int64_t{0}, stage_count, [=](const catena::result<int64_t>& answered) {
    if (how == way::inline_stages) return !answered || *answered != static_cast<int64_t>(stage_count);
    return answered.has_value() || answered.error().path() != "deep/" + std::to_string(stage_count - 1);
  });
}

bench::repetition wide(const bench::options& opts, way how) {
  const auto items = opts.size<std::size_t>(1'000'000, 100'000);
  std::vector<int64_t> in(items, 1);
  in.back() = 7;
  auto world = std::make_shared<context_and_runtime>();
  auto chain = catena::make_chain<std::vector<int64_t>>(world->rt, "wide", [&](auto all) {
    return how == way::inline_stages ? all >> catena::each(catena::stage("item", stages().one))
                                     : all >> catena::each(catena::stage("item", suspending(world->rt, 7)));
  });
  return timed(world, chain, std::move(in), items, [=](const catena::result<std::vector<int64_t>>& answered) {
    if (how == way::inline_stages) return !answered || answered->size() != items || answered->front() != 2;
    return answered.has_value() || answered.error().path() != "wide/each[" + std::to_string(items - 1) + "]/item";
  });
}

}  // namespace

void add_catena_deep_wide(std::vector<bench::subject>& subjects) {
  subjects.push_back({"deep", "catena_inline", [](const bench::options& o) { return deep(o, way::inline_stages); }});
  subjects.push_back({"deep", "catena_suspending", [](const bench::options& o) { return deep(o, way::all_suspend_last_fails); }});
  subjects.push_back({"wide", "catena_inline", [](const bench::options& o) { return wide(o, way::inline_stages); }});
  subjects.push_back({"wide", "catena_suspending", [](const bench::options& o) { return wide(o, way::all_suspend_last_fails); }});
}

}  // namespace engine
