// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The cases. Each function adds one file's cases for one network, with all their subjects.
#include <vector>

#include "support/harness.hpp"
#include "support/networks/networks.hpp"

namespace batching {

void add_closed(std::vector<bench::subject>& subjects, const bench::network& net);  ///< {model}_closed1, _closed8, _closed64, _closed128
void add_open(std::vector<bench::subject>& subjects, const bench::network& net);    ///< {model}_open20, _open50, _open80, _open95
void add_watched(std::vector<bench::subject>& subjects, const bench::network& net); ///< {model}_watched64

}  // namespace batching
