// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The texts that questions are answered from: cut into passages, with the terms that they define.
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "legal_document/vectors.hpp"

namespace qa {

/// A few sentences that stand together.
struct passage {
  std::string file;   ///< as the user wrote it
  std::string place;  ///< "§ 7(a)"
  std::string text;
  friend bool operator==(const passage&, const passage&) = default;
};

/// A node of the graph of terms.
struct definition {
  std::string term;
  passage at;                         ///< where it is defined
  std::vector<std::string> words;     ///< of the term, as vectors have them
  std::vector<std::size_t> mentions;  ///< definitions of the terms that this one is defined by
};

/// Everything that was read. It is not changed any more once questions are asked.
struct library {
  std::vector<std::string> files;
  std::vector<passage> passages;
  std::vector<legal::features> vectors;  ///< of the passages
  legal::corpus_stats stats;
  std::vector<definition> definitions;
};

/// Reads files, and of folders all *.txt and *.md; hidden ones are left out. What a folder holds and cannot be read is told to standard
/// error and left out.
/// \errors legal::input_error: a file cannot be used, there is none, or they are more than 50 MB
library read_library(const std::vector<std::filesystem::path>& from);

/// The definitions of the terms in a text, and behind them of those by which they are defined.
std::vector<const definition*> definitions_for(const library& in, std::string_view text, std::size_t most);

}  // namespace qa
