// SPDX-License-Identifier: BSL-1.0
// oneTBB's flow graph as its documentation says for a dependence graph: continue_nodes that find their inputs in memory,
// one graph reused by all runs, try_put to the source and wait_for_all. "tbb_lightweight" adds the policy meant for bodies this
// small (they are noexcept, or it would be ignored). One thread: no other one could gain anything from no-op stages.
#ifdef CATENA_BENCH_TBB
#include <tbb/flow_graph.h>
#include <tbb/task_arena.h>

#include <memory>

#include "graphs.hpp"
#include "subjects.hpp"

namespace engine {
namespace {

using std::int64_t;
namespace flow = tbb::flow;

template <typename Policy>
class flow_graph {
 public:
  explicit flow_graph(const dag& g) : value_(g.size() + 1) {
    arena_.execute([&] {
      graph_ = std::make_unique<flow::graph>();  // runs in the arena that it is made in
      for (std::size_t i = 0; i < g.size(); ++i) {
        add(g.inputs[i], &value_[i + 1]);
        for (const std::size_t input : g.inputs[i]) flow::make_edge(*nodes_[input], *nodes_[i]);
      }
    });
  }

  int64_t loop(int64_t count) {
    int64_t sum = 0;
    arena_.execute([&] {
      for (int64_t run = 0; run < count; ++run) {
        value_[0] = run;
        nodes_.front()->try_put(flow::continue_msg());
        graph_->wait_for_all();
        sum += value_.back();
      }
    });
    return sum;
  }

 private:
  using node = flow::continue_node<flow::continue_msg, Policy>;

  template <typename Body>
  void add_node(Body body) {
    nodes_.push_back(std::make_unique<node>(*graph_, body));
  }

  void add(const std::vector<std::size_t>& inputs, int64_t* out) {
    const auto in = [&](std::size_t i) -> const int64_t* { return &value_[inputs.empty() ? 0 : inputs[i] + 1]; };
    const stage_table call = stages();
    switch (inputs.size()) {
      case 0:
      case 1:
        return add_node([=, f = call.one, a = in(0)](const flow::continue_msg&) noexcept {
          *out = f(*a);
          return flow::continue_msg();
        });
      case 2:
        return add_node([=, f = call.two, a = in(0), b = in(1)](const flow::continue_msg&) noexcept {
          *out = f(*a, *b);
          return flow::continue_msg();
        });
      case 3:
        return add_node([=, f = call.three, a = in(0), b = in(1), c = in(2)](const flow::continue_msg&) noexcept {
          *out = f(*a, *b, *c);
          return flow::continue_msg();
        });
      default:  // the diamond's join: its inputs lie side by side
        return add_node([=, f = call.eight, v = in(0)](const flow::continue_msg&) noexcept {
          *out = f(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]);
          return flow::continue_msg();
        });
    }
  }

  std::vector<int64_t> value_;  // 0 is the input, i + 1 that of stage i
  tbb::task_arena arena_{1};
  std::unique_ptr<flow::graph> graph_;
  std::vector<std::unique_ptr<node>> nodes_;
};

template <typename Policy>
loop make(const dag& g) {
  return [flow = std::make_shared<flow_graph<Policy>>(g)](int64_t count) { return flow->loop(count); };
}

}  // namespace

void add_tbb(std::vector<bench::subject>& subjects) {
  add_graphs(subjects, "tbb_lightweight", make<flow::lightweight>);
  add_graphs(subjects, "tbb", make<flow::queueing>);
}

}  // namespace engine
#endif
