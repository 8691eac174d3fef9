// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How quickly the events in a stream are found.
#include <vector>

#include "support/harness.hpp"

namespace bench {

void add_sse(std::vector<subject>& subjects);

}  // namespace bench
