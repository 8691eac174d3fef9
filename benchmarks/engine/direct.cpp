// SPDX-License-Identifier: BSL-1.0
// The floor: the same stage functions called one after the other, through pointers and tables known at run time.
#include <array>
#include <stdexcept>

#include "graphs.hpp"
#include "subjects.hpp"

namespace engine {
namespace {

using std::int64_t;

loop chain_loop(const dag& g) {
  return [calls = std::vector<stage1>(g.size(), stages().one)](int64_t count) {
    int64_t sum = 0;
    for (int64_t run = 0; run < count; ++run) {
      int64_t x = run;
      for (const stage1 call : calls) x = call(x);
      sum += x;
    }
    return sum;
  };
}

loop diamond_loop(const dag& g) {
  if (g.size() != 10) throw std::logic_error("direct: a diamond is 8 wide");
  return [source = stages().one, calls = std::vector<stage1>(8, stages().one), join = stages().eight](int64_t count) {
    int64_t sum = 0;
    const stage1* c = calls.data();
    for (int64_t run = 0; run < count; ++run) {
      const int64_t x = source(run);
      sum += join(c[0](x), c[1](x), c[2](x), c[3](x), c[4](x), c[5](x), c[6](x), c[7](x));
    }
    return sum;
  };
}

loop layered_loop(const dag& g) {
  struct step {
    std::size_t arity;
    std::array<std::size_t, 3> in;
  };
  std::vector<step> steps;  // value 0 is the input, value i + 1 that of stage i
  for (const auto& inputs : g.inputs) {
    step s{std::max<std::size_t>(inputs.size(), 1), {}};
    for (std::size_t i = 0; i < inputs.size(); ++i) s.in.at(i) = inputs[i] + 1;
    steps.push_back(s);
  }
  return [steps, table = stages(), value = std::vector<int64_t>(g.size() + 1)](int64_t count) mutable {
    int64_t sum = 0;
    for (int64_t run = 0; run < count; ++run) {
      int64_t* v = value.data();
      *v = run;
      int64_t* out = v + 1;
      for (const step& s : steps) {
        switch (s.arity) {
          case 1: *out++ = table.one(v[s.in[0]]); break;
          case 2: *out++ = table.two(v[s.in[0]], v[s.in[1]]); break;
          default: *out++ = table.three(v[s.in[0]], v[s.in[1]], v[s.in[2]]); break;
        }
      }
      sum += out[-1];
    }
    return sum;
  };
}

bench::repetition deep(const bench::options& opts) {
  const std::size_t stage_count = opts.size<std::size_t>(100'000, 10'000);
  return [calls = std::vector<stage1>(stage_count, stages().one)] {
    constexpr int runs = 10;
    int64_t x = 0;
    const double ns = bench::time_ns([&] {
      for (int run = 0; run < runs; ++run)
        for (const stage1 call : calls) x = call(x);
    });
    if (x != static_cast<int64_t>(calls.size()) * runs) throw std::runtime_error("direct: wrong answer");
    return std::vector<bench::reading>{{"ns_per_stage", ns / runs / static_cast<double>(calls.size())}};
  };
}

bench::repetition wide(const bench::options& opts) {
  const std::size_t items = opts.size<std::size_t>(1'000'000, 100'000);
  return [in = std::vector<int64_t>(items, 1), call = stages().one] {
    std::vector<int64_t> out;
    const double ns = bench::time_ns([&] {
      out.reserve(in.size());
      for (const int64_t x : in) out.push_back(call(x));
    });
    if (out.back() != 2) throw std::runtime_error("direct: wrong answer");
    return std::vector<bench::reading>{{"ns_per_stage", ns / static_cast<double>(in.size())}};
  };
}

}  // namespace

void add_direct(std::vector<bench::subject>& subjects) {
  add_graphs(subjects, "direct", [](const dag& g) {
    switch (g.kind) {
      case dag::shape::chain: return chain_loop(g);
      case dag::shape::diamond: return diamond_loop(g);
      default: return layered_loop(g);
    }
  });
  subjects.push_back({"deep", "direct", deep});
  subjects.push_back({"wide", "direct", wide});
}

}  // namespace engine
