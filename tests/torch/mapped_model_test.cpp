// SPDX-License-Identifier: BSL-1.0
/// \file
/// Models whose weights stay in a mapped file.
#include "torch/saved_modules.hpp"

#include <catena/torch/script_instance.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "support/resident.hpp"

#include "support/catch.hpp"

namespace {

using Catch::Matchers::ContainsSubstring;
using mapped_scratch = catena::test::scratch_folder;
using catena::test::bytes_of;
using catena::test::save_layers;
using catena::test::write_bytes;
using catena::torch::loading;
using catena::torch::script_instance;
using catena::torch::script_options;
using catena::torch::verification;
namespace files = std::filesystem;

using mapped_input = std::array<float, 8>;
constexpr mapped_input mapped_question{1, -2, 3, -4, 5, -6, 7, -8};

/// What was logged, a line each.
struct mapped_log {
  std::vector<std::string> lines;
  catena::log_hook hook() {
    return [this](catena::log_level, std::string_view, std::string_view text) { lines.emplace_back(text); };
  }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const std::string& line : lines) all += line + "\n";
    return all;
  }
};

script_options mapped_model(const std::string& file) {
  script_options options{.name = "risk", .file = file, .input = {.shape = {8}}, .load = loading::mapped};
  options.batch = {.max_size = 2};
  return options;
}

std::vector<float> answer_of(script_instance& instance) {
  instance.input(0, 0).assign<float>(std::span<const float>(mapped_question));
  instance.compute(1);
  const catena::torch::row answer = instance.output(0, 0);
  return {answer.values().begin(), answer.values().end()};
}

std::vector<float> answer_of(const script_options& options, const catena::log_hook& log = nullptr) {
  return answer_of(script_instance::load(options, log).front());
}

std::vector<float> copied_answer(script_options options) {
  options.load = loading::copied;
  return answer_of(options);
}

std::size_t count_of_files(const files::path& folder) {
  return static_cast<std::size_t>(std::distance(files::directory_iterator(folder), files::directory_iterator{}));
}

bool is_mapped(const std::string& file) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(file) != std::string::npos) return true;
  return false;
}

/// Kilobytes of a mapped file that this process has copies of.
long copied_kilobytes(const std::string& file) {
  std::ifstream maps("/proc/self/smaps");
  long kilobytes = 0;
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < line.find(' ')) inside = line.find(file) != std::string::npos;
    else if (inside && line.starts_with("Private_Dirty:")) kilobytes += std::stol(line.substr(14));
  }
  return kilobytes;
}

void set_older(const std::string& file) {
  files::last_write_time(file, files::last_write_time(file) - std::chrono::hours(1));
}

}  // namespace

TEST_CASE("a mapped model answers the same to the bit as a copied one, when its file is written and when it is there") {
  const mapped_scratch folder("mapped_same");
  save_layers(folder.file("risk.pt"), 8, 16, 4);
  const script_options options = mapped_model(folder.file("risk.pt"));
  const auto expected = copied_answer(options);
  CHECK(expected.size() == 4);
  CHECK(count_of_files(folder.path()) == 1);
  mapped_log log;
  CHECK(answer_of(options, log.hook()) == expected);
  CHECK(log.text() == "wrote '" + folder.file("risk.pt.mapped") + "', to be mapped: there is none\n");
  CHECK(answer_of(options, log.hook()) == expected);
  CHECK(log.lines.size() == 1);
  CHECK(count_of_files(folder.path()) == 2);
}

TEST_CASE("computing with mapped weights copies none of them") {
  const mapped_scratch folder("mapped_pages");
  save_layers(folder.file("risk.pt"), 8, 16, 4);
  auto instances = script_instance::load(mapped_model(folder.file("risk.pt")));
  static_cast<void>(answer_of(instances.front()));
  CHECK(is_mapped(folder.file("risk.pt.mapped")));
  CHECK(copied_kilobytes(folder.file("risk.pt.mapped")) == 0);
}

TEST_CASE("the mapping of a model ends with the model") {
  const mapped_scratch folder("mapped_end");
  save_layers(folder.file("risk.pt"), 8, 16, 4);
  {
    const auto instances = script_instance::load(mapped_model(folder.file("risk.pt")));
    CHECK(is_mapped(folder.file("risk.pt.mapped")));
  }
  CHECK_FALSE(is_mapped(folder.file("risk.pt")));
}

TEST_CASE("a mapped file is made again when the archive has changed, and a model that uses the old one goes on") {
  const mapped_scratch folder("mapped_stale");
  const std::string archive = folder.file("risk.pt");
  save_layers(archive, 8, 16, 4, 1);
  const script_options options = mapped_model(archive);
  auto old = script_instance::load(options);
  const auto first = answer_of(old.front());
  save_layers(archive, 8, 16, 4, 2);
  set_older(archive);  // as a file is that was put back
  mapped_log log;
  const auto second = answer_of(options, log.hook());
  CHECK(second != first);
  CHECK(second == copied_answer(options));
  CHECK_THAT(log.text(), ContainsSubstring("to be mapped: the model has changed since"));
  CHECK(answer_of(old.front()) == first);
}

TEST_CASE("a mapped file that was truncated, altered or is something else is made again") {
  const mapped_scratch folder("mapped_altered");
  const std::string archive = folder.file("risk.pt"), mapped = folder.file("risk.pt.mapped");
  save_layers(archive, 8, 16, 4);
  script_options options = mapped_model(archive);
  options.verify = verification::everything;
  const auto expected = answer_of(options);
  const std::string whole = bytes_of(mapped);
  const auto is_made_again = [&](const std::string& bytes) {
    write_bytes(mapped, bytes);
    mapped_log log;
    CHECK(answer_of(options, log.hook()) == expected);
    CHECK(log.lines.size() == 1);
    CHECK(bytes_of(mapped) == whole);
  };
  is_made_again("");
  is_made_again("a file of mine");
  is_made_again(std::string(whole.size(), '\0'));
  is_made_again(bytes_of(archive));
  is_made_again(whole + "x");
  is_made_again(whole + std::string(24, '\0'));
  std::mt19937 random(20261125);
  for (int i = 0; i < 24; ++i) is_made_again(whole.substr(0, random() % whole.size()));
  for (int i = 0; i < 120; ++i) {
    std::string altered = whole;
    altered[random() % whole.size()] ^= static_cast<char>(1U << (random() % 8));
    is_made_again(altered);
  }
}

TEST_CASE("of a mapped file whose weights are not checked, every other byte is") {
  const mapped_scratch folder("mapped_description");
  const std::string archive = folder.file("risk.pt"), mapped = folder.file("risk.pt.mapped");
  save_layers(archive, 8, 16, 4);
  const script_options options = mapped_model(archive);
  const auto expected = answer_of(options);
  const std::string whole = bytes_of(mapped);
  int made_again = 0;
  std::mt19937 random(20261126);
  for (int i = 0; i < 120; ++i) {
    std::string altered = whole;
    altered[random() % whole.size()] ^= static_cast<char>(1U << (random() % 8));
    write_bytes(mapped, altered);
    mapped_log log;
    const auto answer = answer_of(options, log.hook());
    if (log.lines.empty()) continue;  // it was a weight
    ++made_again;
    CHECK(answer == expected);
    CHECK(bytes_of(mapped) == whole);
  }
  CHECK(made_again > 60);
}

TEST_CASE("where the mapped file cannot be written the weights are copied, and the log says so") {
  const mapped_scratch folder("mapped_nowhere");
  save_layers(folder.file("risk.pt"), 8, 16, 4);
  script_options options = mapped_model(folder.file("risk.pt"));
  options.mapped_folder = folder.file("risk.pt");  // no folder
  mapped_log log;
  CHECK(answer_of(options, log.hook()) == copied_answer(options));
  CHECK(log.lines.size() == 1);
  CHECK_THAT(log.text(), ContainsSubstring("cannot be written") && ContainsSubstring("the weights are copied"));
  CHECK(count_of_files(folder.path()) == 1);
}

TEST_CASE("mapped files can be kept in a folder of their own, where archives of one name do not meet") {
  const mapped_scratch folder("mapped_folder");
  for (const char* version : {"1", "2", "mapped"}) files::create_directory(folder.path() / version);
  save_layers(folder.file("1/risk.pt"), 8, 16, 4, 1);
  save_layers(folder.file("2/risk.pt"), 8, 16, 4, 2);
  for (const char* archive : {"1/risk.pt", "2/risk.pt", "1/risk.pt"}) {
    script_options options = mapped_model(folder.file(archive));
    options.mapped_folder = folder.file("mapped");
    CHECK(answer_of(options) == copied_answer(options));
  }
  CHECK(count_of_files(folder.path() / "mapped") == 2);
  CHECK(count_of_files(folder.path() / "1") == 1);
}

TEST_CASE("a model that writes to its mapped weights writes to a copy of its own") {
  const mapped_scratch folder("mapped_write");
  {
    ::torch::jit::Module module("count");
    module.register_parameter("weight", at::ones({8}), false);
    module.define("def forward(self, x: Tensor) -> Tensor:\n    self.weight.add_(1.0)\n    return torch.mv(x, self.weight)\n");
    module.save(folder.file("count.pt"));
  }
  script_options options = mapped_model(folder.file("count.pt"));
  options.check = catena::torch::spec_check::at_first_batch;
  auto instances = script_instance::load(options);
  const std::string before = bytes_of(folder.file("count.pt.mapped"));
  auto others = script_instance::load(options);
  CHECK(answer_of(instances.front()) == std::vector<float>{-8});
  CHECK(answer_of(instances.front()) == std::vector<float>{-12});
  CHECK(answer_of(others.front()) == std::vector<float>{-8});
  CHECK(bytes_of(folder.file("count.pt.mapped")) == before);
}

TEST_CASE("constants of frozen models, shared, empty and strided tensors are mapped as they were saved") {
  const mapped_scratch folder("mapped_tensors");
  {
    at::manual_seed(3);
    ::torch::jit::Module module("odd");
    const at::Tensor table = at::randn({8, 6});
    module.register_parameter("table", table, false);
    module.register_parameter("turned", table.t(), false);
    module.register_buffer("part", table.narrow(1, 2, 3));
    module.register_buffer("none", at::empty({0, 3}));
    module.register_attribute("list", c10::ListType::ofTensors(), c10::List<at::Tensor>({table, at::randn({6})}));
    module.define(
        "def forward(self, x: Tensor) -> Tensor:\n"
        "    y = torch.linear(torch.matmul(x, self.table), self.table) + x.matmul(self.turned.t()).sum()\n"
        "    return y + torch.matmul(x, self.part).sum() + self.none.sum() + self.list[1].sum()\n");
    module.save(folder.file("odd.pt"));
    save_layers(folder.file("layers.pt"), 8, 16, 4);
    auto layers = ::torch::jit::load(folder.file("layers.pt"));
    layers.eval();
    ::torch::jit::freeze(layers).save(folder.file("frozen.pt"));
  }
  for (const char* archive : {"odd.pt", "frozen.pt"}) {
    const script_options options = mapped_model(folder.file(archive));
    const auto expected = copied_answer(options);
    CHECK(answer_of(options) == expected);
    CHECK(answer_of(options) == expected);
    CHECK(files::exists(folder.file(archive) + std::string(".mapped")));
  }
}

TEST_CASE("two that make a mapped file at once do not disturb each other", "[concurrency]") {
  const mapped_scratch folder("mapped_race");
  const std::string archive = folder.file("risk.pt");
  save_layers(archive, 8, 16, 4);
  const script_options options = mapped_model(archive);
  const auto expected = copied_answer(options);
  for (int round = 0; round < 10; ++round) {
    files::remove(archive + ".mapped");
    std::array<std::vector<float>, 2> answers;
    {
      const std::jthread one([&] { answers[0] = answer_of(options); });
      const std::jthread two([&] { answers[1] = answer_of(options); });
    }
    CHECK(answers[0] == expected);
    CHECK(answers[1] == expected);
    CHECK(count_of_files(folder.path()) == 2);
  }
}

TEST_CASE("loading and unloading a model fifty times leaves as much memory as before") {
  if (!catena::test::resident_bytes_tell) return;
  const mapped_scratch folder("mapped_cycles");
  save_layers(folder.file("risk.pt"), 8, 1 << 20, 2);  // 40 MB
  for (const loading how : {loading::copied, loading::mapped}) {
    script_options options = mapped_model(folder.file("risk.pt"));
    options.load = how;
    const auto cycle = [&] { static_cast<void>(answer_of(options)); };
    for (int i = 0; i < 3; ++i) cycle();
    const std::size_t before = catena::test::resident_bytes();
    for (int i = 0; i < 50; ++i) cycle();
    const std::size_t after = catena::test::resident_bytes();
    INFO("copied or mapped: " << static_cast<int>(how) << ", before " << before << ", after " << after);
    CHECK(static_cast<double>(after) < 1.05 * static_cast<double>(before));
  }
}
