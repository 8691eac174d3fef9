// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a file is known by.
#include <string>

namespace catena::torch {

/// XXH3-128 of a file's bytes, as 32 hexadecimal digits. It is read, not mapped: it may be cut short meanwhile.
/// \errors std::system_error: it cannot be read
[[nodiscard]] std::string content_hash(const std::string& file);

}  // namespace catena::torch
