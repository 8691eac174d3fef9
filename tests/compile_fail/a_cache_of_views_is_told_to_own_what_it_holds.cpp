// SPDX-License-Identifier: BSL-1.0
// expect: catena: a cache owns what it holds, and this type refers to memory of somebody else: cache std::string for std::string_view
#include <catena/cache.hpp>

#include <string_view>

auto wrong(const catena::runtime& rt) { return catena::cache<std::string_view>(rt); }
