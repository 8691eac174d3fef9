// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a script model does on devices: batches that overlap, memory that is short, rows that stay, weights that wait in host memory.
#include "support/saved_modules.hpp"

#include "torch/support/fake_device.hpp"

#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/torch/script_model.hpp>

#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using catena::errc;
using catena::test::fake_device;
using catena::test::fake_direction;
using catena::test::fake_work;
using catena::testing::manual_world;
using catena::torch::give_kept;
using catena::torch::keep_answer;
using catena::torch::kept_row;
using catena::torch::row;
using catena::torch::script_model;
using catena::torch::script_options;

const auto device_encode = [](const float& from, row& to) { to.values()[0] = from; };
const auto device_decode = [](const row& from) { return from.values()[0]; };

/// One kernel: ten times the input.
script_options on_fake(std::vector<std::string> devices = {"xpu:0"}) {
  script_options options{.name = "ten", .source = "def forward(self, x: Tensor) -> Tensor:\n    return x * 10\n"};
  options.devices = std::move(devices);
  options.input.shape = {1};
  options.batch.max_size = 4;
  options.warm_up.max_runs = 0;
  return options;
}

/// A runtime on threads, and how many requests ended with what they should.
struct device_service {
  explicit device_service(std::size_t compute_threads = 2) : rt(pool.get_executor(), {.compute_thread_count = compute_threads}) {}

  template <class Model>
  void ask(const Model& m, int count, float times = 10) {
    for (int i = 0; i < count; ++i) {
      ++asked;
      m.async_run(static_cast<float>(i), [this, i, times](const catena::result<float>& r) {
        if (r && *r == times * static_cast<float>(i)) ++right;
        else if (!r) ++failed;
        ++ended;
      });
    }
  }
  void wait() const {
    while (ended != asked) std::this_thread::sleep_for(1ms);
  }

  boost::asio::thread_pool pool{1};
  catena::runtime rt;
  std::atomic<int> asked{0}, ended{0}, right{0}, failed{0};
};

/// Whether a piece of work of one stream begins while a kernel of another one is under way.
bool overlaps(const std::vector<fake_work>& log, const std::string& what) {
  const auto is_copy = [](const fake_work& w) { return w.what.find(" to ") != std::string::npos; };
  return std::ranges::any_of(log, [&](const fake_work& copy) {
    return copy.what == what && std::ranges::any_of(log, [&](const fake_work& kernel) {
             return !is_copy(kernel) && kernel.stream != copy.stream && kernel.begin <= copy.begin && copy.begin < kernel.end;
           });
  });
}

/// Two kernels at once.
bool kernels_overlap(const std::vector<fake_work>& log) {
  std::vector<fake_work> kernels;
  std::ranges::copy_if(log, std::back_inserter(kernels), [](const fake_work& w) { return w.what.find(" to ") == std::string::npos; });
  std::ranges::sort(kernels, {}, &fake_work::begin);
  for (std::size_t i = 1; i < kernels.size(); ++i)
    if (kernels[i].begin < kernels[i - 1].end) return true;
  return false;
}

}  // namespace

TEST_CASE("while a device computes a batch the next one is copied there, and the one before is copied back", "[concurrency]") {
  for (const std::size_t under_way : {2U, 1U}) {
    fake_device fake({.copy_lasts = 3ms, .kernel_lasts = 10ms});
    device_service here;
    auto options = on_fake();
    options.batches_under_way = under_way;
    const script_model<float, float> m{here.rt, options, device_encode, device_decode};
    fake.forget();
    here.ask(m, 24);
    here.wait();
    CHECK(here.right == 24);
    CHECK(overlaps(fake.log(), "host to device") == (under_way == 2));
    CHECK(overlaps(fake.log(), "device to host") == (under_way == 2));
    CHECK(!kernels_overlap(fake.log()));
    CHECK(fake.faults().empty());
  }
}

TEST_CASE("a device that has no memory for a whole batch is given less at once, and that is said") {
  for (const bool fixed_sizes : {false, true}) {
    fake_device fake;
    manual_world world;
    std::mutex mutex;
    std::string said;
    const auto rt = world.runtime({.log = [&](catena::log_level, std::string_view, std::string_view text) {
      const std::lock_guard lock(mutex);
      said += std::string(text) + "\n";
    }});
    auto options = on_fake();
    // What is computed on the way: 64 KB for each row.
    options.source = "def forward(self, x: Tensor) -> Tensor:\n    return (x * torch.ones([1, 16384], device=x.device)).amax(1, keepdim=True) * 10\n";
    options.batch = {.max_size = 8, .max_delay = 1ms};
    if (fixed_sizes) options.batch.allowed_sizes = {3, 8};
    const script_model<float, float> m{rt, options, device_encode, device_decode};
    fake.set({.memory_bytes = 480'000});
    std::vector<std::unique_ptr<catena::test::outcome<float>>> ends;
    for (int round = 0; round < 2; ++round) {
      for (int i = 1; i <= 8; ++i)
        m.async_run(static_cast<float>(i), ends.emplace_back(std::make_unique<catena::test::outcome<float>>())->take());
      world.run();
    }
    for (std::size_t i = 0; i < ends.size(); ++i) CHECK(ends[i]->value() == 10 * static_cast<float>(i % 8 + 1));
    CHECK(said == "device 'xpu:0' has no memory for 8 rows at once, and is given " + std::string(fixed_sizes ? "3" : "4") + " from now on\n");
    CHECK(m.stats().repeated_batch_count == 0);
    CHECK(fake.faults().empty());
  }
}

TEST_CASE("a row for which a device has no memory alone fails with device_memory, and the model lives on") {
  fake_device fake;
  manual_world world;
  const auto rt = world.runtime();
  auto options = on_fake();
  options.batch = {.max_size = 4, .max_delay = 1ms};
  const script_model<float, float> m{rt, options, device_encode, device_decode};
  const auto ask_four = [&] {
    std::vector<std::unique_ptr<catena::test::outcome<float>>> ends;
    for (int i = 0; i < 4; ++i)
      m.async_run(static_cast<float>(i), ends.emplace_back(std::make_unique<catena::test::outcome<float>>())->take());
    world.run();
    return ends;
  };
  CHECK(ask_four()[3]->value() == 30);
  fake.set({.memory_bytes = 1});
  for (const auto& end : ask_four()) {
    CHECK(end->why().is(errc::device_memory));
    CHECK(end->why().code() == catena::condition::retry_elsewhere);
    CHECK_THAT(end->why().message(), ContainsSubstring("model 'ten': device 'xpu:0' has no memory for 1 rows at once: "));
  }
  fake.set({});
  CHECK(ask_four()[3]->value() == 30);
}

TEST_CASE("a batch that fails when it has begun does not disturb the next one") {
  fake_device fake({.copy_lasts = 5ms});
  manual_world world;
  const auto rt = world.runtime();
  auto options = on_fake();
  options.check = catena::torch::spec_check::at_first_batch;
  options.output.shape = {3};
  const script_model<float, float> m{rt, options, device_encode, device_decode};
  for (int i = 0; i < 3; ++i) {
    catena::test::outcome<float> end;
    m.async_run(static_cast<float>(i), end.take());
    world.run();
    CHECK(end.why().is(errc::shape_mismatch));
  }
  CHECK(fake.faults().empty());
}

TEST_CASE("an archive whose weights are constants of its graph, or lie in lists, comes to a device whole, and from host memory again") {
  fake_device fake;
  const catena::test::scratch_folder folder("constants");
  {
    ::torch::jit::Module module("m");
    module.register_parameter("w", at::full({1}, 10.0F), false);
    module.register_attribute("several", c10::ListType::ofTensors(), c10::List<at::Tensor>({at::full({1}, 1.0F), at::full({1}, 2.0F)}));
    module.define("def forward(self, x: Tensor) -> Tensor:\n    return x * self.w + self.several[0] * self.several[1] - 2.0\n");
    module.eval();
    module.save(folder.file("lists"));
    ::torch::jit::freeze(module).save(folder.file("frozen"));
  }
  for (const char* name : {"lists", "frozen"}) {
    for (const auto how : {catena::torch::loading::copied, catena::torch::loading::mapped}) {
      manual_world world;
      const auto rt = world.runtime();
      const catena::residency memory{rt, {.budgets = {{"xpu:0", 20'000}}}};
      std::vector<script_model<float, float>> models;
      for (const char* copy : {"a", "b"}) {
        auto options = on_fake();
        options.name = copy;
        options.source.clear();
        options.file = folder.file(name);
        options.load = how;
        options.batch.max_size = 2'500;  // so that there is room for one
        options.residency = memory;
        models.emplace_back(rt, options, device_encode, device_decode);
      }
      for (int round = 0; round < 4; ++round) {
        catena::test::outcome<float> end;
        models[static_cast<std::size_t>(round % 2)].async_run(3.0F, end.take());
        world.run();
        CHECK(end.value() == 30);
      }
      CHECK(memory.stats().models[0].level == catena::residency_level::warm);
      CHECK(fake.faults().empty());
    }
  }
}

TEST_CASE("a model on two devices has weights on both and computes on both", "[concurrency]") {
  fake_device fake({.kernel_lasts = 2ms});
  device_service here(4);
  const catena::test::scratch_folder folder("two_devices");
  catena::test::save_layers(folder.file("m"), 1, 256, 1);
  script_options options = on_fake({"xpu:0", "xpu:1"});
  options.source.clear();
  options.file = folder.file("m");
  options.instances = 2;
  const script_model<float, float> m{here.rt, options, device_encode, device_decode};
  for (const int device : {0, 1}) CHECK(fake.bytes_in_use(device) > 4 * 2 * 256);
  fake.forget();
  here.ask(m, 200);
  here.wait();
  CHECK(here.failed == 0);
  const auto log = fake.log();
  for (const int device : {0, 1}) CHECK(std::ranges::any_of(log, [&](const fake_work& w) { return w.device == device; }));
  CHECK(fake.faults().empty());
}

TEST_CASE("a row that stays goes from model to model without the host, to another device too") {
  for (const char* second : {"xpu:0", "xpu:1"}) {
    fake_device fake;
    manual_world world;
    const auto rt = world.runtime();
    auto options = on_fake();
    options.batch = {.max_size = 4, .max_delay = 1ms};
    options.output.stays = true;
    const script_model<float, kept_row> first{rt, options, device_encode, keep_answer{}};
    options.devices = {second};
    options.output.stays = false;
    const script_model<kept_row, float> then{rt, options, give_kept{}, device_decode};
    const auto c = catena::make_chain<float>(rt, "c", [&](auto in) { return in >> catena::stage("first", first) >> catena::stage("then", then); });
    fake.forget();
    std::vector<std::unique_ptr<catena::test::outcome<float>>> ends;
    for (int i = 0; i < 4; ++i)
      c.async_run(static_cast<float>(i), ends.emplace_back(std::make_unique<catena::test::outcome<float>>())->take());
    world.run();
    for (std::size_t i = 0; i < 4; ++i) CHECK(ends[i]->value() == 100 * static_cast<float>(i));
    CHECK(fake.copies(fake_direction::host_to_device).count == 1);
    CHECK(fake.copies(fake_direction::device_to_host).count == 1);
    CHECK(fake.copies(fake_direction::device_to_device).count == (second == std::string("xpu:0") ? 0 : 1));
    CHECK(fake.faults().empty());
  }
}

TEST_CASE("a row that stays is given to an instance on its device, where one is idle") {
  fake_device fake;
  manual_world world;
  const auto rt = world.runtime();
  auto options = on_fake({"xpu:0", "xpu:1"});
  options.output.stays = true;
  const script_model<float, kept_row> first{rt, options, device_encode, keep_answer{}};
  options.output.stays = false;
  const script_model<kept_row, float> then{rt, options, give_kept{}, device_decode};
  fake.forget();
  std::vector<std::unique_ptr<catena::test::outcome<kept_row>>> kept;
  for (int i = 0; i < 2; ++i) {
    first.async_run(static_cast<float>(i), kept.emplace_back(std::make_unique<catena::test::outcome<kept_row>>())->take());
    world.run();
  }
  for (const std::size_t i : {0U, 1U, 1U, 0U, 0U, 1U, 0U}) {
    catena::test::outcome<float> end;
    then.async_run(kept[i]->value(), end.take());
    world.run();
    CHECK(end.value() == 100 * static_cast<float>(i));
  }
  CHECK(fake.copies(fake_direction::device_to_device).count == 0);
  CHECK(fake.faults().empty());
}

TEST_CASE("a kept row that owns its memory is there when it is answered, whatever becomes of its batch") {
  fake_device fake({.copy_lasts = 2ms, .kernel_lasts = 2ms});
  manual_world world;
  const auto rt = world.runtime();
  auto options = on_fake();
  options.batch.max_delay = 1ms;
  options.output.stays = true;
  const script_model<float, kept_row> first{rt, options, device_encode, keep_answer{}};
  options.output.stays = false;
  const script_model<kept_row, float> then{rt, options, give_kept{}, device_decode};
  std::vector<kept_row> owned;
  for (int i = 0; i < 3; ++i) {
    catena::test::outcome<kept_row> end, other;
    first.async_run(static_cast<float>(i), end.take());
    first.async_run(77.0F, other.take());
    world.run();
    owned.push_back(make_owned(kept_row(end.value())));
    CHECK(owned.back().tensor() != end.value().tensor());
  }
  for (int i = 0; i < 3; ++i) {
    catena::test::outcome<float> end;
    then.async_run(owned[static_cast<std::size_t>(i)], end.take());
    world.run();
    CHECK(end.value() == 100 * static_cast<float>(i));
  }
  CHECK(fake.faults().empty());
}

TEST_CASE("a model that leaves its device waits in host memory where there is room, and needs its file no more") {
  fake_device fake;
  const catena::test::scratch_folder folder("warm_level");
  manual_world world;
  const auto rt = world.runtime();
  const catena::residency memory{rt, {.budgets = {{"xpu:0", 5'000}, {"cpu", 20'000}}}};
  std::vector<script_model<float, float>> models;
  for (const char* name : {"a", "b"}) {
    catena::test::save_layers(folder.file(name), 1, 256, 1);
    script_options options = on_fake();
    options.name = name;
    options.source.clear();
    options.file = folder.file(name);
    options.residency = memory;
    models.emplace_back(rt, options, device_encode, device_decode);
  }
  const auto ask = [&](std::size_t i) {
    catena::test::outcome<float> end;
    models[i].async_run(1.0F, end.take());
    world.run();
    return end.value();
  };
  const float a = ask(0);
  const std::size_t one_model = fake.bytes_in_use();
  const float b = ask(1);
  CHECK(memory.stats().models[0].level == catena::residency_level::warm);
  CHECK(fake.bytes_in_use() <= one_model);
  std::filesystem::remove(folder.file("a"));
  CHECK(ask(0) == a);
  CHECK(memory.stats().models[1].level == catena::residency_level::warm);
  CHECK(ask(1) == b);
  CHECK(fake.faults().empty());
}

TEST_CASE("batches on two devices, with rows that fail, are answered once each on threads", "[concurrency]") {
  fake_device fake({.copy_lasts = 20us, .kernel_lasts = 50us});
  device_service here(4);
  {
    auto options = on_fake({"xpu:0", "xpu:1"});
    options.instances = 2;
    options.batches_under_way = 3;
    options.queue.capacity = 4'000;
    options.source = "def forward(self, x: Tensor) -> Tensor:\n    assert bool((x != 77).all()), 'not this one'\n    return x * 10\n";
    const script_model<float, float> m{here.rt, options, device_encode, device_decode};
    for (int round = 0; round < 4; ++round) here.ask(m, 500);
    here.wait();
    CHECK(here.right == 4 * 499);
    CHECK(here.failed == 4);
  }
  CHECK(fake.faults().empty());
}
