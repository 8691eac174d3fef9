// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A chain's DAG as data, and as pictures.
#include <catena/graph/plan.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace catena::graph {

/// What a chain consists of.
struct description {
  struct stage {
    std::string name;
    std::string kind;                        ///< function, coroutine, operation, chain, model, each, …
    std::string type;                        ///< of its answer
    std::vector<std::uint32_t> inputs;       ///< the stages whose answers it takes; the chain's input is not among them
    bool takes_input = false;                ///< takes the chain's input
    std::vector<description> inner;          ///< the chains or stages it consists of
    std::vector<alternative> alternatives;   ///< a pool's replicas, or all versions, as they were when it was described
  };
  std::string name;
  std::vector<std::string> inputs;           ///< the types of the chain's inputs
  std::string output;                        ///< the type of its answer
  std::uint32_t result = 0;                  ///< the stage whose answer it is
  std::vector<stage> stages;

  [[nodiscard]] std::string mermaid() const;
  [[nodiscard]] std::string dot() const;
  [[nodiscard]] std::string json() const;
};

/// Writes the Mermaid form.
std::ostream& operator<<(std::ostream& out, const description& d);

[[nodiscard]] description describe(const plan& p);

}  // namespace catena::graph
