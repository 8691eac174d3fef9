// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How much a sentence is worth in a summary: whether it stands by itself, and whether it does anything.
#include "split.hpp"

#include <string_view>

namespace legal {

/// From just above 0, a copyright line or half a list item, to 1, a complete sentence of ordinary length.
float readability(const sentence& of);

/// 1 for sentences that command or forbid, a little less for those that permit, define, exclude or end something, and
/// least for those that only describe.
float legal_force(std::string_view text);

}  // namespace legal
