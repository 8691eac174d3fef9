// SPDX-License-Identifier: BSL-1.0
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace catena;
using catena::test::outcome;

/// A value that lies on a device.
struct device_value {
  std::uint32_t device = 0;
  [[nodiscard]] std::uint32_t locality() const noexcept { return device; }
};

/// Keeps its batches until the test answers them with its own device.
struct device_instance {
  std::uint32_t device;
  std::vector<std::pair<std::uint32_t, batch<device_value, std::uint32_t>>>* held;

  [[nodiscard]] std::uint32_t locality() const noexcept { return device; }
  void operator()(batch<device_value, std::uint32_t>& b) { held->emplace_back(device, std::move(b)); }
};

/// A model with an instance on each of several devices.
struct devices_world {
  explicit devices_world(const std::vector<std::uint32_t>& devices, request_measures<device_value> measures = {}, std::size_t under_way = 1)
      : m(make(devices, std::move(measures), under_way)) {}

  model<device_value, std::uint32_t> make(const std::vector<std::uint32_t>& devices, request_measures<device_value> measures,
                                          std::size_t under_way) {
    std::vector<device_instance> instances;
    for (const std::uint32_t device : devices) instances.push_back({device, &held});
    const model_options options{.name = "m", .batch = {.max_size = 2}, .instances = devices.size(), .batches_under_way = under_way};
    return {rt, options, std::move(instances), std::move(measures)};
  }
  /// \return where the batch is computed that it began; nothing: it waits
  std::string ask(std::uint32_t device) {
    const std::size_t before = held.size();
    m.async_run(device_value{device}, asked.emplace_back(std::make_unique<outcome<std::uint32_t>>())->take());
    world.run_until_idle();
    return held.size() == before ? "waits" : std::to_string(held.back().first);
  }
  void answer_all() {
    for (auto& [device, b] : std::exchange(held, {})) {
      for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, device);
      b.done();
    }
    world.run_until_idle();
  }

  testing::manual_world world;
  runtime rt = world.runtime();
  std::vector<std::pair<std::uint32_t, batch<device_value, std::uint32_t>>> held;
  model<device_value, std::uint32_t> m;
  std::vector<std::unique_ptr<outcome<std::uint32_t>>> asked;
};

}  // namespace

TEST_CASE("of idle instances one is preferred that is where the input lies, and any other is better than to wait") {
  devices_world here({1, 2, 3, 2});
  CHECK(here.ask(3) == "3");
  CHECK(here.ask(2) == "2");
  CHECK(here.ask(2) == "2");
  CHECK(here.ask(2) == "1");
  CHECK(here.ask(2) == "waits");
  here.answer_all();
  here.answer_all();
  for (const auto& end : here.asked) CHECK(end->answered());
  for (const std::uint32_t device : {1U, 3U, 2U}) {
    CHECK(here.ask(device) == std::to_string(device));
    here.answer_all();
  }
}

TEST_CASE("what a measure says of where an input lies goes before what the input says") {
  devices_world here({1, 2}, {.locality = [](const device_value& v) { return 3 - v.device; }});
  CHECK(here.ask(1) == "2");
  CHECK(here.ask(2) == "1");
  here.answer_all();
}

TEST_CASE("a batch ahead of its turn is given to an instance where its first input lies") {
  devices_world here({1, 2}, {}, 2);
  CHECK(here.ask(1) == "1");
  CHECK(here.ask(2) == "2");
  CHECK(here.ask(1) == "waits");
  CHECK(here.ask(1) == "1");  // now it is complete
  CHECK(here.ask(2) == "waits");
  CHECK(here.ask(1) == "2");
  here.answer_all();
}

TEST_CASE("instances that are nowhere in particular ask no input where it lies") {
  testing::manual_world world;
  const runtime rt = world.runtime();
  std::size_t questions = 0;
  const request_measures<int> measures{.locality = [&](const int&) { return static_cast<std::uint32_t>(++questions); }};
  const auto twice = make_model<int, int>(
      rt, {.name = "twice", .instances = 2},
      [](batch<int, int>& b) {
        for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, 2 * b.input(i));
      },
      measures);
  outcome<int> end;
  twice.async_run(21, end.take());
  world.run_until_idle();
  CHECK(end.value() == 42);
  CHECK(questions == 0);
}
