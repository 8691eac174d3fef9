// SPDX-License-Identifier: BSL-1.0
// expect: catena: a version answers what its versions<In, Out> say
#include <catena/version/versions.hpp>

void wrong(const catena::versions<int, int>& v) { v.add("2", [](int) { return 0.5; }); }
