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

/// What is said about a stage in a picture.
struct stage_note {
  std::string path;                ///< the stage's from the outermost chain, as failures name it: `legal/each/summarise`, or `legal/each[17]/summarise`
  std::vector<std::string> lines;  ///< two short ones at most, such as "1.2 ms"
  double heat = 0;                 ///< 0 to 1: how strongly it is coloured
};

struct svg_options {
  std::string title;              ///< above the drawing; empty: none
  std::vector<stage_note> notes;  ///< of two for one stage, the first counts
};

/// What a chain consists of.
struct description {
  struct stage {
    std::string name;
    std::string kind;                        ///< function, coroutine, operation, chain, model, each, …
    std::string type;                        ///< of its answer
    std::vector<std::uint32_t> inputs;       ///< the stages whose answers it takes; the chain's input is not among them
    bool takes_input = false;                ///< takes the chain's input
    std::vector<description> inner;          ///< the chains or stages it consists of
    std::string needs = {};                  ///< the model, pool or versions that it asks, by name; empty: none, or the stages inside of it do
    std::vector<alternative> alternatives;   ///< a pool's replicas, or all versions, as they were when it was described
    bool is_nameless = false;                ///< a part of the stage around it, or all of a model: paths leave out its name, which is theirs
  };
  std::string name;
  std::vector<std::string> inputs;           ///< the types of the chain's inputs
  std::string output;                        ///< the type of its answer
  std::uint32_t result = 0;                  ///< the stage whose answer it is
  std::vector<stage> stages;

  [[nodiscard]] std::string mermaid() const;
  [[nodiscard]] std::string dot() const;
  [[nodiscard]] std::string json() const;
  /// A drawing in layers, from the input down to the output, in light or dark colours as its reader prefers. It holds no script and no style
  /// attribute, and without its style sheet it is in light colours.
  [[nodiscard]] std::string svg() const;
  [[nodiscard]] std::string svg(const svg_options& options) const;
};

/// Writes the Mermaid form.
std::ostream& operator<<(std::ostream& out, const description& d);

[[nodiscard]] description describe(const plan& p);

}  // namespace catena::graph
