// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The contenders of this benchmark, and how each is timed.
#include "support/harness.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace overhead {

/// Sends that many requests, waits for their answers, and checks them.
using sender = std::function<void(std::int64_t count)>;

/// Where the threads may run: as the system likes, or all on one core.
enum class placement { free, pinned };

/// Adds a subject to a case, or to the case's pinned twin. `make` is called with the calling thread placed as asked, so that
/// the threads it starts are placed alike.
void add(std::vector<bench::subject>& subjects, std::string case_name, std::string name, placement where, std::function<sender()> make);

void add_ping_pong(std::vector<bench::subject>& subjects);
void add_catena(std::vector<bench::subject>& subjects);

}  // namespace overhead
