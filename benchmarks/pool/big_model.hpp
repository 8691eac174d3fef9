// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model as large as one likes.
#include <cstdint>
#include <string>

namespace pool {

/// Eight layers of width x width floats, with seeded weights: 537 MB at a width of 4096.
void write_big_model(const std::string& file, std::int64_t width);

}  // namespace pool
