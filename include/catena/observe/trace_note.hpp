// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a stage adds to its span.
#include <catena/call.hpp>
#include <catena/observe/trace.hpp>

#include <string>

namespace catena {

/// Adds an attribute to the span of the stage that this call, or what belongs to it, is of. Nothing happens where nobody records it.
///
///     note(c, "search.hits", std::int64_t(found.size()));
///
/// Never what a user has asked or was answered, unless that has been through a redactor.
/// \threads  safe, until the stage has answered
void note(const call& of, std::string name, trace_value value) noexcept;
void note(const run_options& within, std::string name, trace_value value) noexcept;

}  // namespace catena
