// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The language model that is asked, as the user names it.
#include <catena/runtime.hpp>

#if LEGAL_DOCUMENT_LLM
#include <catena/llm/chat_model.hpp>
#endif

#include <string>

#include "legal_document/options.hpp"

namespace legal {

#if LEGAL_DOCUMENT_LLM
/// A connection to it. Without a name of a provider it is the one whose URL it is, else a generic one, which is sent no key.
/// \errors usage_error: there is no such provider, the URL is not allowed, or the variable for the key is not set
catena::llm::chat_model connect(const catena::runtime& rt, const endpoint& to, catena::llm::chat_settings settings);
#endif

/// Says that there is no catena::llm here. \errors usage_error
[[noreturn]] void refuse_model();

}  // namespace legal
