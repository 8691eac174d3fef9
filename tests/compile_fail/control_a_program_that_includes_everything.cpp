// SPDX-License-Identifier: BSL-1.0
// expect: compiles
#include <catena/catena.hpp>

int main() {}
