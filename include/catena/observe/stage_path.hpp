// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Where a failure's path leads.
#include <string_view>

namespace catena::detail {

/// Whether the first part of a path is this stage, or one of its items: `each[17]/summarise` begins with `each`.
[[nodiscard]] constexpr bool begins_with_stage(std::string_view path, std::string_view stage) noexcept {
  return !stage.empty() && path.starts_with(stage) && (path.size() == stage.size() || path[stage.size()] == '/' || path[stage.size()] == '[');
}

}  // namespace catena::detail
