// SPDX-License-Identifier: BSL-1.0
/// \file
/// All targets in one program, which does what it is called: build/fuzz/breaker, a link to it, is the target breaker.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "fuzz/fuzz.hpp"

namespace {

const catena::fuzz::target* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char*** arguments) {
  const std::string_view path = **arguments;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  chosen = catena::fuzz::target::named(name);
  if (chosen) return 0;
  std::fprintf(stderr, "there is no target %s\n", name.data());
  std::exit(1);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (*chosen)(data, size);
  return 0;
}
