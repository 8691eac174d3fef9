// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The cases. Each function adds one file's cases, with all their subjects.
#include <vector>

#include "support/harness.hpp"

namespace pool {

void add_load(std::vector<bench::subject>& subjects);  ///< load500mb, load500mb_evicted

}  // namespace pool
