// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Finding the passages that a question is about: a TorchScript model compares its vector with theirs, some at a time, and the graph of terms
/// adds the definitions of what is asked about. Where a meaning is asked, they come first.
#include <catena/chain.hpp>

#include <memory>

#include "question_answering/answer.hpp"
#include "question_answering/intent.hpp"

namespace qa {

struct retrieval_options {
  std::size_t most_passages = 6;
  std::size_t most_definitions = 3;  ///< of terms in the question, beside those passages
  float least_score = 0.02f;         ///< of a passage, a cosine; below, it has hardly a word of the question
};

/// A chain that holds the model and the texts.
catena::chain<request, evidence> make_retrieval(const catena::runtime& rt, const std::shared_ptr<const library>& from,
                                                const retrieval_options& options = {});

}  // namespace qa
