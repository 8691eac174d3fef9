// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a sentence of law does: imposes, permits or forbids.
#include <string_view>

namespace legal {

enum class modality { none, duty, right, prohibition };

/// The first operative words outside conditions and relative clauses decide: "If you may …, you must" is a duty,
/// "may not" a prohibition, "need not" a right. English and Chinese.
modality modality_of(std::string_view sentence);

}  // namespace legal
