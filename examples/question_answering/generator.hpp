// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Having a language model write an answer from passages.
#include <catena/chain.hpp>

#include "legal_document/endpoint.hpp"
#include "question_answering/answer.hpp"

namespace qa {

/// A chain that fails where the model does.
/// \errors legal::usage_error: see legal::connect
catena::chain<evidence, draft> make_generator(const catena::runtime& rt, const legal::endpoint& by);

}  // namespace qa
