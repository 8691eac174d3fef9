// SPDX-License-Identifier: BSL-1.0
// The only file of this benchmark that includes Torch.
#include <torch/script.h>

#include "big_model.hpp"
#include "loader.hpp"
#include "support/harness.hpp"

#include <catena/torch/script_model.hpp>

#include <boost/asio/io_context.hpp>

#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pool {
namespace {

using values = std::vector<float>;

/// Asks the model that was loaded.
using ask = std::function<values(const values&)>;

ask load_by_jit(const std::string& file) {
  at::set_num_threads(1);
  auto module = std::make_shared<torch::jit::Module>(torch::jit::load(file));
  module->eval();
  return [module](const values& question) {
    const c10::InferenceMode no_gradients;
    const at::Tensor row = torch::tensor(at::ArrayRef<float>(question)).view({1, -1});
    const at::Tensor answer = module->forward({row}).toTensor().contiguous();
    return values(answer.data_ptr<float>(), answer.data_ptr<float>() + answer.numel());
  };
}

/// Both subjects give their first answer after they are loaded: no warm-up.
ask load_mapped(const std::string& file, std::int64_t width) {
  using model = catena::torch::script_model<values, values>;
  catena::torch::script_options options{.name = "big", .file = file};
  options.input.shape = {width};
  options.warm_up.max_runs = 0;
  options.load = catena::torch::loading::mapped;
  options.batch.max_size = 8;
  auto io = std::make_shared<boost::asio::io_context>();
  const catena::runtime rt(io->get_executor());
  const auto encode = [](const values& from, catena::torch::row& to) { to.assign<float>(std::span(from)); };
  const auto decode = [](const catena::torch::row& from) { return values(from.values().begin(), from.values().end()); };
  const model big(rt, options, encode, decode);
  return [io, rt, big](const values& question) {
    values answer;
    big.async_run(question, [&](catena::result<values> r) { answer = std::move(r).value(); });
    io->run();
    return answer;
  };
}

/// What of this process's memory is its own. Clean pages of a file are the page cache's, whoever maps them.
double private_mb() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  for (std::string word; rollup >> word;)
    if (word == "Private_Dirty:") {
      double kilobytes = 0;
      rollup >> kilobytes;
      return kilobytes * 1024 / 1e6;
    }
  throw std::runtime_error("no Private_Dirty in /proc/self/smaps_rollup");
}

std::uint64_t hash_of(const values& answer) {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const float value : answer)
    for (std::size_t i = 0; i < sizeof value; ++i) hash = (hash ^ reinterpret_cast<const unsigned char*>(&value)[i]) * 1099511628211U;
  return hash;
}

/// The width of the model, which the benchmark writes beside it.
std::int64_t width_of(const std::string& file) {
  std::int64_t width = 0;
  std::ifstream(file + ".width") >> width;
  return width;
}

}  // namespace

void write_big_model(const std::string& file, std::int64_t width) {
  at::manual_seed(20261125);
  torch::jit::Module module("big");
  std::string text = "def forward(self, x: Tensor) -> Tensor:\n";
  for (int layer = 0; layer < 8; ++layer) {
    const std::string name = "weight" + std::to_string(layer);
    module.register_parameter(name, at::randn({width, width}) * std::sqrt(2.0 / static_cast<double>(width)), false);
    text += "    x = torch.relu(torch.linear(x, self." + name + "))\n";
  }
  module.define(text + "    return x\n");
  module.eval();
  module.save(file);
  std::ofstream(file + ".width") << width;
}

void load_and_drop(const char* file) { bench::keep(torch::jit::load(file)); }

int load_and_answer(const char* subject, const char* file) {
  const auto began = std::chrono::steady_clock::now();
  const auto so_far = [&] { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count(); };
  try {
    const std::int64_t width = width_of(file);
    const ask model = std::string_view(subject) == "jit_load" ? load_by_jit(file) : load_mapped(file, width);
    const double loaded = so_far();
    values question(static_cast<std::size_t>(width));
    for (std::size_t i = 0; i < question.size(); ++i) question[i] = static_cast<float>(i % 7) - 3;
    const values answer = model(question);
    const double answered = so_far();
    std::printf("%.6f %.6f %.6f %llu\n", loaded, answered, private_mb(), static_cast<unsigned long long>(hash_of(answer)));
    return 0;
  } catch (const std::exception& e) {
    std::cerr << subject << ": " << e.what() << '\n';
    return 1;
  }
}

}  // namespace pool
