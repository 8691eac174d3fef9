// SPDX-License-Identifier: BSL-1.0
/// \file
/// Mapped models that leave and come back: their code stays, and nothing else does.
#include "support/saved_modules.hpp"

#include <catena/torch/script_instance.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

using catena::residency_level;
using catena::test::scratch_folder;
using catena::torch::loading;
using catena::torch::script_instance;
using catena::torch::script_options;

/// A model with two instances.
struct sleeper {
  explicit sleeper(script_options options) : instances(script_instance::make(catena::torch::make_source(options), 1)) {}

  static script_options options_of(const std::string& file) {
    script_options options{.name = "sleeper", .file = file, .input = {.shape = {1}}, .load = loading::mapped};
    options.batch.max_size = 1;
    options.instances = 2;
    options.check = catena::torch::spec_check::at_first_batch;
    return options;
  }
  void move_to(residency_level level) {
    for (script_instance& i : instances) i.move_to(level);
  }
  float ask(float x, std::size_t instance = 0) {
    instances[instance].input(0, 0).values()[0] = x;
    instances[instance].compute(1);
    return instances[instance].output(0, 0).values()[0];
  }
  void sleep_and_wake() {
    move_to(residency_level::cold);
    move_to(residency_level::hot);
  }

  std::vector<script_instance> instances;
};

bool lies_in_memory(const std::string& file) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(file) != std::string::npos) return true;
  return false;
}

/// Adds the sum of its weights, or as much more as the code says.
void save_adder(const std::string& file, const std::string& code, float weight = 1) {
  ::torch::jit::Module maker("maker");
  maker.define("def forward(self) -> Dict[str, int]:\n    table: Dict[str, int] = {}\n    return table\n");
  const c10::IValue table = maker.forward({});
  ::torch::jit::Module module("adder");
  module.register_parameter("weight", at::full({4}, weight), false);
  module.register_attribute("count", c10::IntType::get(), 0);
  module.register_attribute("seen", c10::ListType::ofInts(), c10::List<std::int64_t>());
  module.register_attribute("table", table.type(), table);
  module.register_attribute("last", c10::TensorType::get(), at::zeros({1}));
  module.define("def forward(self, x: Tensor) -> Tensor:\n" + code + "    return x + self.weight.sum()\n");
  module.save(file);
}

double seconds_of(const auto& f) {
  const auto began = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

}  // namespace

TEST_CASE("a mapped model that left comes back without its code being parsed again, and answers the same") {
  const scratch_folder folder("asleep_code");
  std::string code;
  for (int i = 0; i < 500; ++i) code += "    x = torch.relu(x * 2) / 2 + torch.zeros_like(x)\n";
  save_adder(folder.file("m"), code);
  static_cast<void>(script_instance::load(sleeper::options_of(folder.file("m"))));  // writes the mapped file
  sleeper m(sleeper::options_of(folder.file("m")));
  const double first = seconds_of([&] { m.move_to(residency_level::hot); });
  CHECK(m.ask(1) == 5);
  double quickest = first;
  for (int round = 0; round < 5; ++round) {
    m.move_to(residency_level::cold);
    CHECK_FALSE(lies_in_memory(folder.file("m.mapped")));
    quickest = std::min(quickest, seconds_of([&] { m.move_to(residency_level::hot); }));
    CHECK(lies_in_memory(folder.file("m.mapped")));
    CHECK(m.ask(2, 0) == 6);
    CHECK(m.ask(3, 1) == 7);
  }
  CHECK(quickest < first / 2);  // it is a small part
}

TEST_CASE("what a mapped model has changed in itself is forgotten when it leaves, whatever it is") {
  const scratch_folder folder("asleep_state");
  for (const char* change :
       {"    self.count = self.count + 1\n    x = x + float(self.count - 1)\n", "    x = x + float(len(self.seen))\n    self.seen.append(1)\n",
        "    x = x + float(len(self.table))\n    self.table[str(len(self.table))] = 1\n", "    x = x + self.last\n    self.last = self.last + 1\n",
        "    x = x + self.last\n    self.last += 1\n", "    self.weight.add_(1.0)\n    x = x - 4\n",
        "    x = x + float(self.weight.dim() - 1)\n    self.weight.unsqueeze_(0)\n"}) {
    INFO(change);
    std::filesystem::remove(folder.file("m"));
    save_adder(folder.file("m"), change);
    sleeper m(sleeper::options_of(folder.file("m")));
    m.move_to(residency_level::hot);
    for (int round = 0; round < 3; ++round) {
      const float first = m.ask(1);
      CHECK(first == 5);
      CHECK(m.ask(1) > first);
      m.sleep_and_wake();
    }
  }
}

TEST_CASE("a mapped model whose archive was replaced while it was away comes back as the new one") {
  const scratch_folder folder("asleep_new");
  save_adder(folder.file("m"), "");
  sleeper m(sleeper::options_of(folder.file("m")));
  m.move_to(residency_level::hot);
  CHECK(m.ask(1) == 5);
  m.move_to(residency_level::cold);
  save_adder(folder.file("m"), "", 2);
  std::filesystem::last_write_time(folder.file("m"), std::filesystem::last_write_time(folder.file("m")) - std::chrono::hours(1));
  m.move_to(residency_level::hot);
  CHECK(m.ask(1) == 9);
  m.move_to(residency_level::cold);
  std::filesystem::remove(folder.file("m"));
  CHECK_THROWS_AS(m.move_to(residency_level::hot), catena::error);
  save_adder(folder.file("m"), "", 3);
  m.move_to(residency_level::hot);
  CHECK(m.ask(1) == 13);
}

TEST_CASE("a mapped model that was optimised, or is cast, comes and goes as well") {
  const scratch_folder folder("asleep_optimised");
  save_adder(folder.file("m"), "");
  for (const auto optimise : {catena::torch::optimisation::frozen, catena::torch::optimisation::for_inference})
    for (const auto precision : {catena::torch::precision::as_saved, catena::torch::precision::bfloat16}) {
      script_options options = sleeper::options_of(folder.file("m"));
      options.optimise = optimise;
      options.compute_in = precision;
      sleeper m(options);
      for (int round = 0; round < 3; ++round) {
        m.sleep_and_wake();
        CHECK(m.ask(1) == 5);
      }
    }
}
