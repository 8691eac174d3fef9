// SPDX-License-Identifier: BSL-1.0
// expect: stage_cannot_take<.*takes<const std::.*string.*given<int>
#include <catena/version/versions.hpp>

#include <string>

void wrong(const catena::versions<int, int>& v) { v.add("2", [](const std::string& s) { return static_cast<int>(s.size()); }); }
