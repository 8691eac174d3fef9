// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Putting the sections' summaries together: a line or two for each, and one page for the whole.
#include "split.hpp"
#include "summariser.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace legal {

struct quotation {
  std::size_t section = 0;
  std::size_t sentence = 0;
};

struct outline {
  std::vector<std::vector<quotation>> lines;  ///< for each section, one or two sentences in the order of the text
  std::vector<quotation> page;                ///< the summary of the whole, in the order of the text
};

struct merge_options {
  std::size_t page_words = 420;     ///< about a printed page; at least one sentence is taken
  std::size_t page_sentences = 14;  ///< at least 1
};

/// The page takes the sentences that are central to the whole text, from as many sections as it can, none saying what
/// another one says. Summaries may come in any order; a section without one shows its first sentence.
/// \source Radev, Jing and Tam, "Centroid-based summarization" (2000), on the sentences that LexRank picked
outline merge(const contents& from, const std::vector<summary>& summaries, const merge_options& options = {});

const sentence& sentence_at(const contents& in, const quotation& where);

}  // namespace legal
