// SPDX-License-Identifier: BSL-1.0
// expect: catena: a shadow is sent copies of requests: let them be copyable, or a std::shared_ptr<const T>
#include <catena/version/versions.hpp>

void wrong(const catena::versions<std::unique_ptr<int>, int>& v) { v.mirror("2"); }
