// SPDX-License-Identifier: BSL-1.0
// expect-gcc: passing 'const std::.*string.*' as 'this' argument discards qualifiers
// expect-clang: 'this' argument to member function 'clear' has type 'const std::.*string.*', but function is not marked const
#include <catena/cache.hpp>

#include <string>

void wrong(const catena::cached<std::string>& known) { known->clear(); }
