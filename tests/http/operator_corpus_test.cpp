// SPDX-License-Identifier: BSL-1.0
/// \file
/// What the fuzzer learnt about the operator's endpoint: tests/fuzz/operator_endpoint.cpp is compiled into the same program.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "support/catch.hpp"

using namespace catena;

TEST_CASE("no input that fuzzing the operator's endpoint has kept breaks a promise") {
  const fuzz::target* const endpoint = fuzz::target::named("operator_endpoint");
  REQUIRE(endpoint);
  std::vector<std::filesystem::path> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(CATENA_OPERATOR_CORPUS)) inputs.push_back(entry.path());
  std::ranges::sort(inputs);
  REQUIRE(inputs.size() > 100);
  for (const auto& path : inputs) {
    CAPTURE(path.string());  // a promise that is broken ends the process
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    (*endpoint)(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  SUCCEED(inputs.size() << " inputs");
}
