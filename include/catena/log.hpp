// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The logging hook: what the library has to say goes to one callback, or nowhere.
#include <cstdint>
#include <functional>
#include <string_view>

namespace catena {

enum class log_level : std::uint8_t { debug, note, warning, error };

/// Receives (level, component, text), as in (warning, "model/risk", "the row codec threw").
/// \threads  called from any thread, concurrently; must not throw; the views live for the call only
using log_hook = std::function<void(log_level, std::string_view component, std::string_view text)>;

}  // namespace catena
