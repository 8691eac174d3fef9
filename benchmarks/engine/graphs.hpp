// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The graphs of the cases chain8, diamond8 and dag64, as data, and how a subject's run over them is measured.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/harness.hpp"

namespace engine {

/// A DAG of stages in topological order. Stage 0 takes the run's input; the last one's value is the run's result; every
/// other stage's value is used.
struct dag {
  enum class shape { chain, diamond, layered };
  shape kind;
  std::vector<std::vector<std::size_t>> inputs;  ///< of each stage the earlier stages that it reads; none for stage 0
  [[nodiscard]] std::size_t size() const { return inputs.size(); }
};

dag chain(std::size_t stages);
/// One source, `width` parallel stages, one that joins them.
dag diamond(std::size_t width);
/// Random layers of 3 to 9 stages, closed by 3 and 1; each stage reads 1 to 3 stages of earlier layers.
dag layered(std::size_t stages, std::uint64_t seed);

/// The no-op stages: the sum of the inputs, plus 1. In their own translation unit, and given out as pointers read at run time,
/// so that no compiler sees through them.
using stage1 = std::int64_t (*)(std::int64_t) noexcept;
using stage2 = std::int64_t (*)(std::int64_t, std::int64_t) noexcept;
using stage3 = std::int64_t (*)(std::int64_t, std::int64_t, std::int64_t) noexcept;
using stage8 = std::int64_t (*)(std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                                std::int64_t) noexcept;
struct stage_table {
  stage1 one;
  stage2 two;
  stage3 three;
  stage8 eight;
};
[[nodiscard]] stage_table stages() noexcept;

/// What the graph answers to `input`, computed in the plainest way.
[[nodiscard]] std::int64_t expected(const dag& g, std::int64_t input);

/// Runs a graph `count` times, one after the other, with the inputs 0, 1, 2, ...; returns the sum of the results.
using loop = std::function<std::int64_t(std::int64_t count)>;

/// Adds the subject `name` to the cases chain8, diamond8 and dag64. `make` builds the graph, untimed; what it needs lives in the
/// loop that it returns. Metrics: ns_per_stage (chain8: the slope between chains of 8 and 64; otherwise the whole run by its
/// stages), ns_per_run_entry (chain8: what a run costs besides its stages), mallocs_per_run (after warm-up).
void add_graphs(std::vector<bench::subject>& subjects, const std::string& name, const std::function<loop(const dag&)>& make);

/// The cost of one read of a clock, as ns_per_stage, in the same three cases.
void add_clock(std::vector<bench::subject>& subjects);

}  // namespace engine
