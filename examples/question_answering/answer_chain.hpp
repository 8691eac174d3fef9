// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// From a line that somebody typed to an answer with citations: intent, retrieval, generation, check.
#include <catena/chain.hpp>

#include <memory>
#include <optional>
#include <string>

#include "legal_document/endpoint.hpp"
#include "question_answering/answer.hpp"

namespace qa {

/// \param model  who writes; nothing: answers are quotations
/// \errors legal::usage_error: see legal::connect
catena::chain<std::string, reply> make_answer_chain(const catena::runtime& rt, const std::shared_ptr<const library>& from,
                                                    const std::optional<legal::endpoint>& model);

}  // namespace qa
