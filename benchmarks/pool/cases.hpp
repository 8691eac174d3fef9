// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The cases. Each function adds one file's cases, with all their subjects.
#include <vector>

#include "support/harness.hpp"

namespace pool {

void add_load(std::vector<bench::subject>& subjects);   ///< load500mb, load500mb_evicted
void add_serve(std::vector<bench::subject>& subjects);  ///< serve_while_loading
void add_reload(std::vector<bench::subject>& subjects); ///< reload50

}  // namespace pool
