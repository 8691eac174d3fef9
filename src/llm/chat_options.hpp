// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a model is made of, out of its options.
#include <catena/http/client_options.hpp>
#include <catena/http/fields.hpp>
#include <catena/http/url.hpp>
#include <catena/llm/chat_options.hpp>
#include <catena/schedule/concurrency_limit.hpp>

namespace catena::llm {

/// \errors std::invalid_argument: what a call takes would have no bound, or no price
void check_budget(const chat_options& options, const chat_settings& how);

/// With what the provider says where nothing else is said, and checked.
[[nodiscard]] chat_options completed(chat_options o);
[[nodiscard]] http::url base_of(const chat_options& o);
/// Those of each request, with the key.
[[nodiscard]] http::fields headers_of(const chat_options& o);
[[nodiscard]] http::client_options client_options_of(const chat_options& o);
[[nodiscard]] concurrency_limit_options limit_options_of(const chat_options& o);

}  // namespace catena::llm
