// SPDX-License-Identifier: BSL-1.0
/// \file
/// Batches that are recorded and replayed, by a recorder without CUDA: when, and what a model on a device makes of it.
#include "support/saved_modules.hpp"

#include "src/torch/batch_graphs.hpp"
#include "torch/support/fake_device.hpp"
#include "torch/support/fake_recorder.hpp"

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
#include <stdexcept>
#include <string>
#include <string_view>
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
using catena::test::fake_graphs;
using catena::testing::manual_world;
using catena::torch::batch_graphs;
using catena::torch::graph_use;
using catena::torch::kept_row;
using catena::torch::script_model;
using catena::torch::script_options;

const auto graphs_encode = [](const float& from, catena::torch::row& to) { to.values()[0] = from; };
const auto graphs_decode = [](const catena::torch::row& from) { return from.values()[0]; };

/// The graphs of two slots, and a call that answers what `input` is by then.
struct two_slots {
  batch_graphs slot() {
    return {std::make_unique<catena::test::fake_recorder>(did, c10::Stream(c10::Stream::DEFAULT, c10::Device(c10::kCPU))), unrecorded,
            [this](catena::log_level, const std::string& text) { said += text + "\n"; }};
  }
  float compute(batch_graphs& in, std::size_t rows, float value) {
    input.fill_(value);
    return in.compute(rows, [this] {
      ++calls;
      return std::vector<at::Tensor>{input * 10};
    })[0].item<float>();
  }

  catena::test::fake_recordings did;
  std::shared_ptr<catena::torch::unrecorded_sizes> unrecorded = std::make_shared<catena::torch::unrecorded_sizes>();
  std::string said;
  at::Tensor input = at::zeros({1});
  int calls = 0;
  batch_graphs a = slot(), b = slot();
};

script_options with_graphs() {
  script_options options{.name = "ten", .source = "def forward(self, x: Tensor) -> Tensor:\n    return x * 10\n"};
  options.devices = {"xpu:0"};
  options.input.shape = {1};
  options.graphs = graph_use::allowed_sizes;
  options.batch = {.max_size = 4, .max_delay = 1ms, .policy = catena::preferred_batching({4}), .allowed_sizes = {1, 4}};
  return options;
}

/// A model in virtual time on the fake accelerator, and what the log says.
struct graphs_world {
  fake_device fake;
  fake_graphs graphs;
  manual_world world;
  std::mutex mutex;
  std::string said;
  catena::runtime rt = world.runtime({.log = [this](catena::log_level, std::string_view, std::string_view text) {
    const std::lock_guard lock(mutex);
    said += std::string(text) + "\n";
  }});

  /// One batch.
  template <class Model, class In>
  auto ask(const Model& m, const std::vector<In>& inputs) {
    using end = catena::test::outcome<typename Model::output_type>;
    std::vector<std::unique_ptr<end>> ends;
    for (const In& input : inputs) m.async_run(input, ends.emplace_back(std::make_unique<end>())->take());
    world.run();
    return ends;
  }
};

}  // namespace

TEST_CASE("a batch size is called until it has settled, recorded by the last of these calls, and replayed from then on") {
  two_slots here;
  for (int i = 1; i <= batch_graphs::calls_until_settled; ++i) {
    CHECK(here.a.is_settling(8));
    CHECK(here.compute(here.a, 8, static_cast<float>(i)) == 10 * static_cast<float>(i));
    CHECK(here.did.recorded == (i == batch_graphs::calls_until_settled ? 1 : 0));
  }
  CHECK(!here.a.is_settling(8));
  CHECK(here.did.replayed == 0);
  for (int i = 1; i <= 5; ++i) CHECK(here.compute(here.a, 8, static_cast<float>(i)) == 10 * static_cast<float>(i));
  CHECK(here.did.replayed == 5);
  CHECK(here.did.recorded == 1);
}

TEST_CASE("each batch size of each slot settles and is recorded for itself") {
  two_slots here;
  for (int i = 0; i < batch_graphs::calls_until_settled; ++i) here.compute(here.a, 8, 1);
  CHECK(here.a.is_settling(4));
  CHECK(here.b.is_settling(8));
  for (int i = 0; i < batch_graphs::calls_until_settled; ++i) here.compute(here.a, 4, 1);
  for (int i = 0; i < batch_graphs::calls_until_settled; ++i) here.compute(here.b, 8, 1);
  CHECK(here.did.recorded == 3);
  CHECK(here.did.replayed == 0);
}

TEST_CASE("a batch size that cannot be recorded is called each time, no other slot tries, and the log says it once") {
  two_slots here;
  here.did.refuses = true;
  for (int i = 1; i <= 5; ++i) {
    CHECK(here.compute(here.a, 8, static_cast<float>(i)) == 10 * static_cast<float>(i));
    CHECK(here.compute(here.b, 8, 1) == 10);
  }
  CHECK(here.calls == 10 + 1);
  CHECK(!here.a.is_settling(8));
  CHECK(!here.b.is_settling(8));
  CHECK(here.said == "batches of 8 rows cannot be recorded, and are launched kernel by kernel: it waits for the device\n");
  here.did.refuses = false;
  for (int i = 0; i < batch_graphs::calls_until_settled; ++i) here.compute(here.a, 4, 1);
  CHECK(here.did.recorded == 1);
}

TEST_CASE("a call that throws settles nothing") {
  two_slots here;
  const auto throws = []() -> std::vector<at::Tensor> { throw std::runtime_error("no"); };
  for (int i = 0; i < 5; ++i) CHECK_THROWS_AS(static_cast<void>(here.a.compute(8, throws)), std::runtime_error);
  here.compute(here.a, 8, 1);
  CHECK(here.did.recorded == 0);
}

TEST_CASE("warm-up records all allowed sizes in all slots of all instances, and every request is answered by replaying", "[concurrency]") {
  fake_device fake({.kernel_lasts = 100us});
  fake_graphs graphs;
  boost::asio::thread_pool pool{1};
  const catena::runtime rt{pool.get_executor(), {.compute_thread_count = 2}};
  {
    auto options = with_graphs();
    options.instances = 2;
    options.batches_under_way = 3;
    const script_model<float, float> m{rt, options, graphs_encode, graphs_decode};
    CHECK(graphs.recorded == 2 * 2 * 3);
    const int replayed = graphs.replayed;
    std::atomic<int> ended = 0, right = 0;
    for (int i = 0; i < 50; ++i)
      m.async_run(static_cast<float>(i), [&, i](const catena::result<float>& r) {
        if (r && *r == 10 * static_cast<float>(i)) ++right;
        ++ended;
      });
    while (ended != 50) std::this_thread::sleep_for(1ms);
    CHECK(right == 50);
    CHECK(graphs.recorded == 2 * 2 * 3);
    CHECK(static_cast<std::size_t>(graphs.replayed - replayed) == m.stats().batch_count);
  }
  // The thread that brought the last answer lets go of the model a moment later.
  for (int i = 0; i < 10'000 && graphs.held != 0; ++i) std::this_thread::sleep_for(1ms);
  CHECK(graphs.held == 0);
  CHECK(fake.faults().empty());
}

TEST_CASE("where there is no warm-up, the first requests are those after which a size is recorded") {
  graphs_world here;
  auto options = with_graphs();
  options.warm_up.max_runs = 0;
  options.check = catena::torch::spec_check::at_first_batch;
  const script_model<float, float> m{here.rt, options, graphs_encode, graphs_decode};
  for (int i = 1; i <= 6; ++i) {
    const auto ends = here.ask(m, std::vector<float>{1, 2, 3});
    CHECK(ends[2]->value() == 30);
    CHECK(here.graphs.recorded == (i < batch_graphs::calls_until_settled ? 0 : 1));
    CHECK(here.graphs.replayed == std::max(i - batch_graphs::calls_until_settled, 0));
  }
  CHECK(here.fake.faults().empty());
}

TEST_CASE("a model that cannot be recorded answers all the same, and says so once for each size") {
  graphs_world here;
  here.graphs.refuses = true;
  auto options = with_graphs();
  options.instances = 2;
  const script_model<float, float> m{here.rt, options, graphs_encode, graphs_decode};
  for (int i = 0; i < 8; ++i) CHECK(here.ask(m, std::vector<float>{1, 2, 3})[2]->value() == 30);
  CHECK(here.said ==
        "batches of 1 rows cannot be recorded, and are launched kernel by kernel: it waits for the device\n"
        "batches of 4 rows cannot be recorded, and are launched kernel by kernel: it waits for the device\n");
  CHECK(here.fake.faults().empty());
}

TEST_CASE("a row that stays is what it was, however often its graph is replayed") {
  graphs_world here;
  auto options = with_graphs();
  options.output.stays = true;
  const script_model<float, kept_row> first{here.rt, options, graphs_encode, catena::torch::keep_answer{}};
  options.output.stays = false;
  const script_model<kept_row, float> then{here.rt, options, catena::torch::give_kept{}, graphs_decode};
  std::vector<kept_row> kept;
  for (int i = 0; i < 5; ++i) kept.push_back(here.ask(first, std::vector<float>{static_cast<float>(i)})[0]->value());
  for (int i = 0; i < 5; ++i)
    CHECK(here.ask(then, std::vector<kept_row>{kept[static_cast<std::size_t>(i)]})[0]->value() == 100 * static_cast<float>(i));
  CHECK(here.fake.faults().empty());
}

TEST_CASE("rows that another model keeps are copied to where a graph reads, from the same device too") {
  for (const auto use : {graph_use::none, graph_use::allowed_sizes}) {
    graphs_world here;
    auto options = with_graphs();
    options.graphs = use;
    options.output.stays = true;
    const script_model<float, kept_row> first{here.rt, options, graphs_encode, catena::torch::keep_answer{}};
    options.output.stays = false;
    const script_model<kept_row, float> then{here.rt, options, catena::torch::give_kept{}, graphs_decode};
    const auto c = catena::make_chain<float>(here.rt, "c", [&](auto in) { return in >> catena::stage("first", first) >> catena::stage("then", then); });
    here.fake.forget();
    const int replayed = here.graphs.replayed;
    const auto ends = here.ask(c, std::vector<float>{1, 2, 3, 4});
    for (std::size_t i = 0; i < 4; ++i) CHECK(ends[i]->value() == 100 * static_cast<float>(i + 1));
    CHECK(here.graphs.replayed - replayed == (use == graph_use::none ? 0 : 2));
    // Of the rows once, and of the answers of both models to where they were recorded and from there.
    CHECK(here.fake.copies(fake_direction::device_to_device).count == (use == graph_use::none ? 0 : 1 + 2 * 2));
    CHECK(here.fake.faults().empty());
  }
}

TEST_CASE("a batch that is computed in parts, for want of memory, is called, and a smaller one is replayed") {
  graphs_world here;
  auto options = with_graphs();
  // What is computed on the way: 64 KB for each row.
  options.source = "def forward(self, x: Tensor) -> Tensor:\n    return (x * torch.ones([1, 16384], device=x.device)).amax(1, keepdim=True) * 10\n";
  options.batch = {.max_size = 8, .max_delay = 1ms, .policy = catena::preferred_batching({8}), .allowed_sizes = {3, 8}};
  options.warm_up.sizes = {3};
  const script_model<float, float> m{here.rt, options, graphs_encode, graphs_decode};
  const int recorded = here.graphs.recorded;
  here.fake.set({.memory_bytes = 480'000});
  for (int round = 0; round < 5; ++round) {
    const auto ends = here.ask(m, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8});
    for (std::size_t i = 0; i < 8; ++i) CHECK(ends[i]->value() == 10 * static_cast<float>(i + 1));
  }
  CHECK(here.said == "device 'xpu:0' has no memory for 8 rows at once, and is given 3 from now on\n");
  const int replayed = here.graphs.replayed;
  CHECK(here.ask(m, std::vector<float>{1, 2})[1]->value() == 20);
  CHECK(here.graphs.replayed == replayed + 1);
  CHECK(here.graphs.recorded == recorded);
  CHECK(here.fake.faults().empty());
}

TEST_CASE("the graphs of a model that leaves its device are gone, and are recorded again when it comes back") {
  graphs_world here;
  const catena::test::scratch_folder folder("graphs");
  const catena::residency memory{here.rt, {.budgets = {{"xpu:0", 5'000}}}};
  std::vector<script_model<float, float>> models;
  for (const char* name : {"a", "b"}) {
    catena::test::save_layers(folder.file(name), 1, 256, 1);
    auto options = with_graphs();
    options.name = name;
    options.source.clear();
    options.file = folder.file(name);
    options.residency = memory;
    models.emplace_back(here.rt, options, graphs_encode, graphs_decode);
  }
  for (int round = 1; round <= 4; ++round) {
    CHECK(here.ask(models[static_cast<std::size_t>(round % 2)], std::vector<float>{1})[0]->value());
    CHECK(here.graphs.recorded == 2 * round);
    CHECK(here.graphs.held == 2);
  }
  CHECK(here.fake.faults().empty());
}

TEST_CASE("graphs need allowed sizes, fixed shapes and TorchScript, and the options that say otherwise are refused") {
  const auto refusal = [](const script_options& options) {
    try {
      static_cast<void>(catena::torch::make_source(options));
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const std::string needs = "script_options::graphs is graph_use::allowed_sizes, which needs ";
  auto options = with_graphs();
  options.batch.allowed_sizes.clear();
  CHECK(refusal(options) == needs + "batch.allowed_sizes");
  options = with_graphs();
  options.input.shape = {catena::torch::any_extent};
  CHECK(refusal(options) == needs + "inputs of fixed shapes, without any_extent");
  options.input.shape = {1};
  options.source.clear();
  options.file = "m.pt2";
  CHECK(refusal(options) == needs + "TorchScript, not a .pt2");
}

TEST_CASE("graphs where there are none are refused as unsupported") {
  fake_device fake;
  auto options = with_graphs();
  for (const char* device : {"cpu", "xpu:0"}) {
    options.devices = {device};
    try {
      static_cast<void>(catena::torch::make_source(options));
      FAIL("it was taken");
    } catch (const catena::error& e) {
      CHECK(e.why().is(errc::unsupported));
      CHECK_THAT(e.what(), ContainsSubstring("model 'ten': graphs: device '" + std::string(device) + "' has none; expected cuda or cuda:N"));
    }
  }
}
