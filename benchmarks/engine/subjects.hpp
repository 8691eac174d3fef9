// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who takes part. Each function adds one file's subjects to the cases that they enter.
#include <vector>

#include "support/harness.hpp"

namespace engine {

void add_direct(std::vector<bench::subject>& subjects);          ///< direct calls: chain8, diamond8, dag64, deep, wide
void add_tbb(std::vector<bench::subject>& subjects);             ///< oneTBB's flow graph: chain8, diamond8, dag64
void add_asio_await(std::vector<bench::subject>& subjects);      ///< Asio coroutines in place: chain8, diamond8, dag64
void add_asio_inflight(std::vector<bench::subject>& subjects);   ///< Asio coroutines and bare posts: inflight100k
void add_catena_graphs(std::vector<bench::subject>& subjects);   ///< catena's engine: chain8, diamond8, dag64
void add_catena_inflight(std::vector<bench::subject>& subjects); ///< catena's engine: inflight100k
void add_catena_deep_wide(std::vector<bench::subject>& subjects);///< catena's engine: deep, wide

}  // namespace engine
