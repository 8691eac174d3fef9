// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who takes part. Each function adds one file's subjects to all cases.
#include <vector>

#include "support/harness.hpp"

namespace cache_bench {

void add_catena(std::vector<bench::subject>& subjects);          ///< catena::cache with both of its eviction policies
void add_mutex_list_map(std::vector<bench::subject>& subjects);  ///< the cache that everybody writes
void add_tbb(std::vector<bench::subject>& subjects);             ///< oneTBB's concurrent_lru_cache

}  // namespace cache_bench
