// SPDX-License-Identifier: BSL-1.0
/// \file
/// TorchScript models on a device that is not the CPU.
#include "support/saved_modules.hpp"

#include "torch/support/fake_device.hpp"

#include <catena/testing/manual_world.hpp>
#include <catena/torch/script_model.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using Catch::Matchers::ContainsSubstring;
using catena::test::fake_device;
using catena::test::fake_direction;
using catena::torch::any_extent;
using catena::torch::dtype;
using catena::torch::input_rows;
using catena::torch::loading;
using catena::torch::optimisation;
using catena::torch::output_rows;
using catena::torch::precision;
using catena::torch::row;
using catena::torch::script_instance;
using catena::torch::script_options;

using fake_eight = std::array<float, 8>;
constexpr fake_eight fake_question{1, -2, 3, -4, 5, -6, 7, -8};

script_options fake_layers(const catena::test::scratch_folder& folder) {
  catena::test::save_layers(folder.file("layers.pt"), 8, 16, 3);
  script_options options{.name = "risk", .file = folder.file("layers.pt"), .input = {.shape = {8}}};
  options.batch.max_size = 4;
  return options;
}

/// What three rows are answered with.
std::vector<float> fake_answer(script_instance& instance) {
  for (std::size_t i = 0; i < 3; ++i) {
    row to = instance.input(0, i);
    to.assign<float>(std::span<const float>(fake_question));
    to.values()[0] = static_cast<float>(i);
  }
  instance.compute(3);
  std::vector<float> answers;
  for (std::size_t i = 0; i < 3; ++i) {
    const row answer = instance.output(0, i);
    answers.insert(answers.end(), answer.values().begin(), answer.values().end());
  }
  return answers;
}

std::vector<float> fake_answer(script_options options, const char* device) {
  options.devices = {device};
  auto instances = script_instance::load(options);
  return fake_answer(instances.front());
}

/// A text as a transformer takes it.
struct fake_text {
  std::vector<std::int64_t> ids;
  std::vector<float> weights;
};

}  // namespace

TEST_CASE("a model on the fake device answers what it answers on the CPU, copied or mapped, optimised or not") {
  fake_device fake;
  const catena::test::scratch_folder folder("fake_model");
  script_options options = fake_layers(folder);
  for (const auto load : {loading::copied, loading::mapped})
    for (const auto optimise : {optimisation::none, optimisation::frozen, optimisation::for_inference}) {
      options.load = load;
      options.optimise = optimise;
      const auto expected = fake_answer(options, "cpu");
      const auto answered = fake_answer(options, "xpu");
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(answered[i] == Catch::Approx(expected[i]).margin(1e-5));
      if (optimise != optimisation::for_inference) CHECK(answered == expected);
      CHECK(fake_answer(options, "xpu:1") == answered);
    }
  CHECK(fake.bytes_in_use(0) == 0);
  CHECK(fake.bytes_in_use(1) == 0);
  CHECK(fake.faults().empty());
}

TEST_CASE("a batch of a model on the fake device is copied there and back once") {
  fake_device fake;
  const catena::test::scratch_folder folder("fake_copies");
  script_options options = fake_layers(folder);
  options.devices = {fake_device::name};
  options.batch.allowed_sizes = {4};
  auto instances = script_instance::load(options);
  for (int batch = 0; batch < 3; ++batch) {
    fake.forget();
    (void)fake_answer(instances.front());
    CHECK(fake.copies(fake_direction::host_to_device).count == 1);
    CHECK(fake.copies(fake_direction::host_to_device).bytes == 4 * 8 * sizeof(float));
    CHECK(fake.copies(fake_direction::device_to_host).count == 1);
    CHECK(fake.copies(fake_direction::device_to_host).bytes == 4 * 3 * sizeof(float));
    CHECK(fake.copies(fake_direction::device_to_device).count == 0);
  }
}

TEST_CASE("a model on the fake device can compute in bfloat16") {
  fake_device fake;
  const catena::test::scratch_folder folder("fake_bfloat16");
  script_options options = fake_layers(folder);
  options.compute_in = precision::bfloat16;
  for (const auto load : {loading::copied, loading::mapped}) {
    options.load = load;
    CHECK(fake_answer(options, "xpu") == fake_answer(options, "cpu"));
  }
  CHECK(fake.faults().empty());
}

TEST_CASE("a model of several inputs and outputs of any extent, padded, answers on the fake device what it answers on the CPU") {
  fake_device fake;
  script_options options{.name = "weigh",
                         .source = "def forward(self, ids: Tensor, weights: Tensor):\n"
                                   "    total = (ids * weights).sum(1)\n"
                                   "    return {'total': total, 'both': torch.stack([ids.float().sum(1), weights.sum(1)], 1)}\n"};
  options.inputs = {{.name = "ids", .dtype = dtype::int64, .shape = {any_extent}}, {.name = "weights", .shape = {any_extent}}};
  options.outputs = {{.name = "total", .shape = {1}}, {.name = "both", .shape = {2}}};
  options.batch = {.max_size = 4, .max_delay = std::chrono::seconds(1), .allowed_sizes = {2, 4}};
  const auto encode = [](const fake_text& t, input_rows& to) {
    to.shaped("ids", t.ids.size()).assign<std::int64_t>(t.ids);
    to.shaped("weights", t.weights.size()).assign<float>(t.weights);
  };
  const auto decode = [](const output_rows& from) {
    return std::array{from["total"].values()[0], from["both"].values()[0], from["both"].values()[1]};
  };
  using answer = std::array<float, 3>;
  const std::vector<fake_text> texts{{{1, 2, 3}, {1, 1, 2}}, {{4, 5}, {10, 1}}, {{6, 7, 8}, {0, 0, 1}}, {{9}, {0.5}}, {{1, 0, 1}, {3, 4, 5}}};
  const std::vector<answer> answers{{9, 6, 4}, {45, 9, 11}, {8, 21, 1}, {4.5, 9, 0.5}, {8, 2, 12}};
  const catena::request_measures<fake_text> by_length{.cost = {}, .shape = [](const fake_text& t) { return t.ids.size(); }, .bytes = {}};
  for (const char* device : {"cpu", "xpu", "xpu:1"}) {
    options.devices = {device};
    catena::testing::manual_world world;
    const auto rt = world.runtime();
    const catena::torch::script_model<fake_text, answer> m{rt, options, encode, decode, by_length};
    std::vector<std::unique_ptr<catena::test::outcome<answer>>> o;
    for (const fake_text& t : texts) {
      o.push_back(std::make_unique<catena::test::outcome<answer>>());
      m.async_run(t, o.back()->take());
    }
    world.run();
    for (std::size_t i = 0; i < texts.size(); ++i) CHECK(o[i]->value() == answers[i]);
  }
  CHECK(fake.faults().empty());
}

TEST_CASE("two instances of a model on the fake device compute at once, each on a stream of its own", "[concurrency]") {
  fake_device fake({.kernel_lasts = std::chrono::microseconds(200)});
  boost::asio::thread_pool caller{1};
  {
    const catena::runtime rt{caller.get_executor(), {.compute_thread_count = 2}};
    script_options options{.name = "risk",
                           .source = "def forward(self, x: Tensor) -> Tensor:\n    return x.sum(1, keepdim=True) * 2\n",
                           .devices = {fake_device::name},
                           .instances = 2,
                           .input = {.shape = {8}}};
    options.batch.max_size = 4;
    const catena::torch::script_model<float, float> m{
        rt, options, [](float from, row& to) { std::ranges::fill(to.values(), from); }, [](const row& from) { return from.values()[0]; }};
    std::vector<std::future<catena::result<float>>> answers;
    for (int i = 0; i < 100; ++i) answers.push_back(m.async_run(static_cast<float>(i), boost::asio::use_future));
    for (std::size_t i = 0; i < answers.size(); ++i) CHECK(answers[i].get().value() == static_cast<float>(i) * 16);
  }
  caller.join();
  CHECK(fake.faults().empty());
}

TEST_CASE("models that share the fake device's memory come and go, and answer the same each time") {
  for (const auto how : {loading::copied, loading::mapped}) {
    fake_device fake;
    const catena::test::scratch_folder folder("fake_resident");
    catena::testing::manual_world world;
    const auto rt = world.runtime();
    const catena::residency memory{rt, {.budgets = {{"xpu:0", 20'000}}}};
    const auto encode = [](const fake_eight& from, row& to) { to.assign<float>(from); };
    const auto decode = [](const row& from) { return from.values()[0]; };
    using model = catena::torch::script_model<fake_eight, float>;
    std::vector<model> models;
    std::vector<float> expected;
    const auto ask = [&](const model& m) {
      catena::test::outcome<float> end;
      m.async_run(fake_question, end.take());
      world.run();
      return end.value();
    };
    for (const char* name : {"a", "b"}) {
      catena::test::save_layers(folder.file(name), 8, 256, 1, static_cast<std::uint64_t>(*name));
      script_options options{.name = name, .file = folder.file(name), .input = {.shape = {8}}, .load = how};
      options.batch.max_size = 4;
      expected.push_back(ask(model(rt, options, encode, decode)));
      options.devices = {"xpu:0"};
      options.residency = memory;
      models.emplace_back(rt, options, encode, decode);
    }
    for (int round = 0; round < 3; ++round)
      for (std::size_t i = 0; i < 2; ++i) {
        CHECK(ask(models[i]) == expected[i]);
        CHECK(memory.stats().models[1 - i].level != catena::residency_level::hot);
        CHECK(fake.bytes_in_use() < 20'000);
      }
    models.clear();
    world.run();
    CHECK(fake.bytes_in_use() == 0);
    CHECK(fake.faults().empty());
  }
}

TEST_CASE("a device that is not there, or has no memory for the weights or for a batch, says so") {
  const catena::test::scratch_folder folder("fake_memory");
  script_options options = fake_layers(folder);
  options.devices = {fake_device::name};
  const auto why = [&] {
    try {
      auto instances = script_instance::load(options);
      (void)fake_answer(instances.front());
    } catch (const catena::error& e) {
      return e.why();
    }
    return catena::failure();
  };
  CHECK(why().is(catena::errc::device_unavailable));
  fake_device fake({.memory_bytes = 100});
  CHECK_THAT(why().message(), ContainsSubstring("out of memory"));
  fake.set({.memory_bytes = 950});  // the weights are 780
  CHECK_THAT(why().message(), ContainsSubstring("out of memory"));
  fake.set({});
  CHECK_FALSE(why().is_set());
  options.devices = {"xpu:2"};
  CHECK(why().is(catena::errc::device_unavailable));
  CHECK_THAT(why().message(), ContainsSubstring("there are 2 of its kind"));
}
