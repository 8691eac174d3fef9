// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who takes part: each function adds one file's subject to the cases 1thread and 2threads.
#include <vector>

#include "support/harness.hpp"

namespace admission {

void add_clock(std::vector<bench::subject>& subjects);         ///< one clock read
void add_mutex_double(std::vector<bench::subject>& subjects);  ///< the usual: a mutex, tokens as a double, the last time
void add_catena(std::vector<bench::subject>& subjects);        ///< admission::try_admit

}  // namespace admission
