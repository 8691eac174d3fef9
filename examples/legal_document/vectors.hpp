// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Sentences as TF-IDF vectors over words and pairs of words; Chinese over characters and pairs of characters.
#include "split.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace legal {

/// A word or a pair, by its 64-bit hash, with its weight.
struct feature {
  std::uint64_t id = 0;
  float weight = 0;
};

/// Sorted by id, no id twice.
using features = std::vector<feature>;

/// The terms of a text: lower case, plural endings and stop words dropped, single terms and adjacent pairs.
std::vector<std::string> terms_of(std::string_view text);

/// In how many sentences of the whole text each term stands. A table of fixed size, because a 10 MB text has more
/// pairs than are worth keeping; two terms that share a counter look a little more common than they are.
class corpus_stats {
 public:
  corpus_stats();
  void add(std::string_view sentence);
  float rarity(std::uint64_t id) const noexcept;  ///< inverse document frequency, smoothed, always positive
  std::size_t sentence_count() const noexcept { return sentence_count_; }

 private:
  std::vector<std::uint32_t> counters_;
  std::size_t sentence_count_ = 0;
};

/// Counts over all sentences of a text.
corpus_stats measure(const contents& of);

/// The sentence's vector, of length 1, or empty if the sentence holds only stop words.
features vector_of(std::string_view sentence, const corpus_stats& stats);

/// The cosine of two vectors of length 1.
float similarity(const features& a, const features& b) noexcept;

}  // namespace legal
