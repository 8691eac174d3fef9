// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What somebody wants who has typed a line.
#include <string>
#include <string_view>

namespace qa {

enum class intent {
  question,    ///< to be answered from the texts
  meaning,     ///< the same, and what a word means is asked: "What is a covered work?"
  small_talk,  ///< "hello", "thank you"
  sources,     ///< "/sources": which texts there are
  help         ///< any other command
};

struct request {
  intent what = intent::question;
  std::string text;   ///< as it was typed, trimmed
  std::string topic;  ///< of a question: without the words that only make it a question
};

/// By rules, which cost microseconds: a line is a question unless all of its words are those of small talk, or it begins with '/'.
request understand(const std::string& line);

}  // namespace qa
