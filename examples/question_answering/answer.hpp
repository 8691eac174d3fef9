// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What an answer is made of, from the passages that were found to what the reader sees.
#include <cstddef>
#include <string>
#include <vector>

#include "question_answering/library.hpp"

namespace qa {

/// A question, with what there is about it; [1] is the first passage.
struct evidence {
  std::string question;
  std::vector<passage> passages;
};

/// Who wrote an answer.
enum class author {
  model,
  quotation,  ///< nobody: these are passages, as the user wanted it
  stand_in,   ///< the same, because the model is away
  program     ///< it says that there is nothing, or what it can do
};

struct draft {
  author by = author::program;
  std::string text;
};

struct reply {
  author by = author::program;
  std::string text;
  std::vector<std::size_t> cited;    ///< numbers of passages, ascending
  std::vector<std::string> removed;  ///< citations of passages that were not given, as in "[9]"
  std::vector<passage> passages;     ///< all that were given
};

/// The passages that fit best, each with its number.
draft quote(const evidence& from);
/// The same, marked.
draft quote_instead(const evidence& from);

/// Keeps "[1]" and "[2, 3]" where there are such passages, and takes out what cites others.
reply check_citations(const evidence& from, const draft& written);

/// The answer, what was wrong with it, and where the passages stand that it cites.
std::string to_text(const reply& of);

}  // namespace qa
