// SPDX-License-Identifier: BSL-1.0
// catena on the same graphs, through the public interface: async_run with a callback, and co_await inside a coroutine; every
// run has an id, a deadline and a connected cancellation slot.
#include "catena_graphs.hpp"

#include <catena/observe/metrics.hpp>
#include <catena/observe/tracer.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <random>
#include <string>
#include <utility>

#include "subjects.hpp"

namespace engine {
namespace {

namespace asio = boost::asio;
using std::int64_t;
using value = catena::node<int64_t>;

template <std::size_t... I>
value join_eight(const std::vector<value>& v, const std::vector<std::size_t>& in, std::string name, std::index_sequence<I...>) {
  return catena::join(v[in[I]]...) >> catena::stage(std::move(name), stages().eight);
}

value add_stage(const catena::runtime& rt, const std::vector<value>& v, const std::vector<std::size_t>& in, std::string name,
                bool suspends) {
  if (suspends) {
    return v[in[0]] >> catena::stage(std::move(name), [rt](int64_t x, auto token) {
             return rt.async_yield(asio::append(std::move(token), stages().one(x)));
           });
  }
  switch (in.size()) {
    case 1: return v[in[0]] >> catena::stage(std::move(name), stages().one);
    case 2: return catena::join(v[in[0]], v[in[1]]) >> catena::stage(std::move(name), stages().two);
    case 3: return catena::join(v[in[0]], v[in[1]], v[in[2]]) >> catena::stage(std::move(name), stages().three);
    default: return join_eight(v, in, std::move(name), std::make_index_sequence<8>{});
  }
}

}  // namespace

int_chain to_chain(const catena::runtime& rt, const dag& g, std::size_t suspending) {
  return catena::make_chain<int64_t>(rt, "graph", [&](value in) {
    std::vector<value> v;
    for (std::size_t i = 0; i < g.size(); ++i) {
      const std::string name = "s" + std::to_string(i);
      if (g.inputs[i].empty()) v.push_back(in >> catena::stage(name, stages().one));
      else v.push_back(add_stage(rt, v, g.inputs[i], name, i == suspending));
    }
    return v.back();
  });
}

namespace {

constexpr std::chrono::hours far_away{1};

/// Takes every record and adds up how long stages took, as a metrics sink would.
class adding_sink final : public catena::sink {
 public:
  void run_ended(const catena::run_record& record) override {
    for (const auto& span : record.spans) total_ += span.ended - span.began;
  }

 private:
  catena::duration total_{};
};

struct world {
  asio::io_context context{1};
  catena::runtime rt;
  asio::cancellation_signal cancel;
  explicit world(catena::runtime_options options) : rt(context.get_executor(), std::move(options)) {}
};

/// Each completion starts the next run.
struct next_run {
  using cancellation_slot_type = asio::cancellation_slot;
  struct progress {
    world& w;
    const int_chain& chain;
    catena::run_options options;
    int64_t run;
    int64_t count;
    int64_t sum;
  };
  progress* p;

  [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return p->w.cancel.slot(); }
  void operator()(catena::result<int64_t> answered) const {
    p->sum += *answered;
    start(p);
  }
  static void start(progress* p) {
    if (p->run == p->count) return;
    p->chain.async_run(p->run++, p->options, next_run{p});
  }
};

loop by_callback(const dag& g, catena::runtime_options options, std::size_t suspending = no_stage) {
  auto w = std::make_shared<world>(std::move(options));
  return [w, chain = to_chain(w->rt, g, suspending)](int64_t count) {
    next_run::progress p{*w, chain, {.deadline = w->rt.now() + far_away}, 0, count, 0};
    asio::post(w->context, [&p] { next_run::start(&p); });
    w->context.run();
    w->context.restart();
    return p.sum;
  };
}

asio::awaitable<void> await_all(const int_chain& chain, catena::run_options options, int64_t count, int64_t& sum) {
  for (int64_t run = 0; run < count; ++run) sum += co_await chain(run, options);
}

loop by_co_await(const dag& g) {
  auto w = std::make_shared<world>(catena::runtime_options{});
  return [w, chain = to_chain(w->rt, g)](int64_t count) {
    int64_t sum = 0;
    asio::co_spawn(w->context, await_all(chain, {.deadline = w->rt.now() + far_away}, count, sum),
                   asio::bind_cancellation_slot(w->cancel.slot(), asio::detached));
    w->context.run();
    w->context.restart();
    return sum;
  };
}

/// A stage other than the first, the same one in every run of the program.
std::size_t some_stage(const dag& g) {
  std::mt19937_64 random(g.size());
  for (;;) {
    const auto i = random() % g.size();
    if (g.inputs[i].size() == 1) return i;
  }
}

}  // namespace

void add_catena_graphs(std::vector<bench::subject>& subjects) {
  add_graphs(subjects, "catena", [](const dag& g) { return by_callback(g, {}); });
  add_graphs(subjects, "catena_co_await", by_co_await);
  add_graphs(subjects, "catena_traced", [](const dag& g) {
    return by_callback(g, {.observer = std::make_shared<adding_sink>()});
  });
  add_graphs(subjects, "catena_metrics", [](const dag& g) {
    return by_callback(g, {.metrics = std::make_shared<catena::metrics>()});
  });
  add_graphs(subjects, "catena_full", [](const dag& g) {
    return by_callback(g, {.metrics = std::make_shared<catena::metrics>(), .tracer = catena::tracer::create({.keep_slower_than = far_away})});
  });
  add_graphs(subjects, "catena_one_suspends", [](const dag& g) { return by_callback(g, {}, some_stage(g)); });
}

}  // namespace engine
