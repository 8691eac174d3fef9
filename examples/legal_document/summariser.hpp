// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The summariser: LexRank with redundancy control as TorchScript source, and the codec for its one input and one
/// output.
#include "split.hpp"
#include "vectors.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace legal {

/// Columns of a sentence's hashed vector. Measured over the GNU GPL v3: at 256 every sentence picked is the one that
/// exact vectors pick, because terms that stand in one sentence of a section only never reach the table.
inline constexpr std::size_t vector_size = 256;

/// The model picks this many sentences of each section, fewer if the rest would repeat them.
inline constexpr std::size_t max_picks = 3;

/// A row of the input tensor, [max_sentences, vector_size + 1]; the last column is the sentence's weight, zero for
/// padding.
inline constexpr std::size_t input_row_size = max_sentences * (vector_size + 1);

/// A row of the output tensor, [2, max_sentences]: LexRank scores, then the order of picking (1, 2, 3; 0 is not
/// picked).
inline constexpr std::size_t output_row_size = 2 * max_sentences;

/// One section, ready for the model.
struct section_input {
  std::size_t index = 0;            ///< of the section in contents::sections
  std::vector<features> sentences;  ///< without the terms that stand in one sentence of the section only
  std::vector<float>
      weights;  ///< readability, force and place; a small weight still counts as a neighbour but is hardly picked
};

struct pick {
  std::size_t sentence = 0;  ///< index in section::sentences
  float score = 0;           ///< LexRank score; those of a section sum to 1
};

/// What the model says of one section.
struct summary {
  std::size_t section = 0;
  std::vector<pick> picks;  ///< best first
};

section_input to_input(const section& from, std::size_t index, const corpus_stats& stats);

/// One input for each section, in order.
std::vector<section_input> to_inputs(const contents& from);

/// Writes all input_row_size floats of a row.
void encode(const section_input& from, float* row);

/// Reads the output_row_size floats of a row.
summary decode(const float* row, const section_input& from);

/// forward(Tensor rows [n, S, D + 1]) -> Tensor [n, 2, S]. No row looks at another.
/// \source Erkan and Radev, "LexRank" (2004), continuous form; then maximal marginal relevance (Carbonell and
/// Goldstein, 1998)
extern const std::string_view summariser_source;

}  // namespace legal
