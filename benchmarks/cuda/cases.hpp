// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The cases. Each function adds one file's cases for one network, with all their subjects.
#include <vector>

#include "support/harness.hpp"
#include "support/networks/networks.hpp"

namespace cuda {

void add_closed(std::vector<bench::subject>& subjects, const bench::network& net);  ///< {network}_closed128, _closed512
void add_open(std::vector<bench::subject>& subjects, const bench::network& net);    ///< {network}_open20, _open50, _open80

}  // namespace cuda
