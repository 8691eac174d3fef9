// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Models of the usual kinds: TorchScript from source text, with seeded weights.
#include <catena/torch/script_options.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bench {

/// Every network answers so many numbers for each row.
inline constexpr std::size_t answer_size = 10;
using answer = std::array<float, answer_size>;

struct network {
  std::string name;
  std::vector<std::int64_t> input;  ///< the shape of a row
  std::size_t requests;             ///< a core answers in some seconds: the length of a run
};

/// mlp:         784-512-512-10
/// resnet:      ResNet18 as it is for 3x64x64 pixels and ten classes, with normalisation as in inference
/// transformer: 4 layers of width 256 with 4 heads and 1024 hidden units, over 64 vectors, whose mean is classified
[[nodiscard]] const std::vector<network>& networks();

/// The network as a file for a script_model. The file is made when it is first asked for and removed when the program ends.
[[nodiscard]] catena::torch::script_options script_of(const network& net);

/// What a benchmark knows of each network, made of it and the options when it is first asked for.
template <class T, class Options>
[[nodiscard]] T& one_for_each(const network& net, const Options& opts) {
  static std::map<std::string, T> made;
  return made.try_emplace(net.name, net, opts).first->second;
}

/// Tells Torch to compute on the calling thread alone, from now on and on all threads.
void use_one_thread();

}  // namespace bench
