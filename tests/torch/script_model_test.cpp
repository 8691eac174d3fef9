// SPDX-License-Identifier: BSL-1.0
#include "support/saved_modules.hpp"

#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/torch/script_model.hpp>

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
namespace torch_models = catena::torch;
using catena::errc;
using catena::stage;
using catena::test::outcome;
using catena::testing::manual_world;
using Catch::Matchers::ContainsSubstring;
using torch_models::dtype;
using torch_models::row;
using torch_models::script_model;
using torch_models::script_options;

using four = std::array<float, 4>;

const auto encode_four = [](const four& from, row& to) { to.assign<float>(from); };
const auto decode_first = [](const row& from) { return from.values()[0]; };
const auto decode_all = [](const row& from) { return std::vector<float>(from.values().begin(), from.values().end()); };

/// Sums the four values of each row.
const std::string sum_source = "def forward(self, x: Tensor) -> Tensor:\n    return x.sum(1, keepdim=True)\n";

/// The same, and throws at a negative value.
const std::string positive_source =
    "def forward(self, x: Tensor) -> Tensor:\n"
    "    assert bool((x >= 0).all()), 'a negative amount'\n"
    "    return x.sum(1, keepdim=True)\n";

script_options script(std::string source) {
  script_options options{.name = "risk", .source = std::move(source), .input = {.shape = {4}}};
  options.batch = {.max_size = 8, .max_delay = 1s};
  return options;
}

/// What making the model fails with.
catena::failure failure_of(const script_options& options) {
  manual_world world;
  const auto rt = world.runtime();
  try {
    const script_model<four, float> m{rt, options, encode_four, decode_first};
  } catch (const catena::error& e) {
    return e.why();
  }
  return {};
}

/// What the inputs of one batch are answered with.
template <class Out, class Encode, class Decode>
std::vector<std::unique_ptr<outcome<Out>>> answers(const script_options& options, Encode encode, Decode decode,
                                                   const std::vector<four>& inputs) {
  manual_world world;
  const auto rt = world.runtime();
  const script_model<four, Out> m{rt, options, encode, decode};
  std::vector<std::unique_ptr<outcome<Out>>> o;
  for (const four& in : inputs) {
    o.push_back(std::make_unique<outcome<Out>>());
    m.async_run(in, o.back()->take());
    world.run_until_idle();
  }
  world.run();
  CHECK(m.stats().batch_count == 1);
  return o;
}

/// A file in a folder of its own, removed in the end.
struct scratch_file {
  catena::test::scratch_folder folder{"script_model_test"};
  std::string path = folder.file("model.pt");
};

}  // namespace

TEST_CASE("a TorchScript model from source text answers each row of a batch") {
  const auto o = answers<float>(script(sum_source), encode_four, decode_first, {four{1, 2, 3, 4}, four{0, 0, 0, 1}, four{5, 5, 5, 5}});
  CHECK(o[0]->value() == 10.0F);
  CHECK(o[1]->value() == 1.0F);
  CHECK(o[2]->value() == 20.0F);
}

TEST_CASE("a batch is padded to an allowed size, and what pads it is answered to nobody") {
  const std::string source = "def forward(self, x: Tensor) -> Tensor:\n    return x.sum(1, keepdim=True) + 100 * x.size(0)\n";
  script_options options = script(source);
  options.batch.max_size = 5;
  options.batch.allowed_sizes = {1, 4, 6};
  const std::vector<four> inputs(5, four{1, 2, 3, 4});
  for (const std::size_t count : {1U, 2U, 4U, 5U}) {
    const auto o = answers<float>(options, encode_four, decode_first, {inputs.begin(), inputs.begin() + count});
    const float computed = count == 1 ? 1 : count <= 4 ? 4 : 6;
    for (const auto& end : o) CHECK(end->value() == 10 + 100 * computed);
  }
}

TEST_CASE("a row that the script throws at fails alone") {
  const auto o = answers<float>(script(positive_source), encode_four, decode_first,
                                {four{1, 2, 3, 4}, four{1, 1, 1, 1}, four{1, -2, 3, 4}, four{0, 0, 0, 1}, four{5, 5, 5, 5}});
  for (const std::size_t good : {0U, 1U, 3U, 4U}) CHECK(o[good]->answered());
  CHECK(o[3]->value() == 1.0F);
  CHECK(o[2]->why().is(errc::model_failed));
  CHECK_THAT(o[2]->why().message(), ContainsSubstring("a negative amount"));
}

TEST_CASE("what an earlier batch left of a bad row does not pad a later one") {
  manual_world world;
  const auto rt = world.runtime();
  script_options options = script(positive_source);
  options.batch.max_size = 2;
  options.batch.allowed_sizes = {2};
  const script_model<four, float> m{rt, options, encode_four, decode_first};
  std::array<outcome<float>, 3> o;
  m.async_run(four{1, 1, 1, 1}, o[0].take());
  m.async_run(four{-1, 1, 1, 1}, o[1].take());
  world.run();
  m.async_run(four{1, 1, 1, 1}, o[2].take());
  world.run();
  CHECK(o[0].answered());
  CHECK_FALSE(o[1].answered());
  CHECK(o[2].answered());
}

TEST_CASE("a TorchScript model from a file has its weights") {
  scratch_file file;
  {
    ::torch::jit::Module module("linear");
    module.register_parameter("weight", at::arange(4, at::kFloat), false);
    module.define("def forward(self, x: Tensor) -> Tensor:\n    return torch.mv(x, self.weight)\n");
    module.save(file.path);
  }
  script_options options{.name = "risk", .file = file.path, .input = {.shape = {4}}};
  const auto o = answers<float>(options, encode_four, decode_first, {four{1, 1, 1, 1}});
  CHECK(o[0]->value() == 6.0F);
}

TEST_CASE("a TorchScript model is a stage of a chain") {
  manual_world world;
  const auto rt = world.runtime();
  auto options = script(sum_source);
  options.batch = {};
  const script_model<four, float> m{rt, options, encode_four, decode_first};
  const auto chain = catena::make_chain<four>(rt, "c", [&](auto in) {
    return in >> stage("sum", m) >> stage("half", [](float x) { return x / 2; });
  });
  outcome<float> o;
  chain.async_run(four{1, 2, 3, 4}, o.take());
  world.run_until_idle();
  CHECK(o.value() == 5.0F);
  CHECK(chain.describe().stages[0].kind == "model");
}

TEST_CASE("rows may have any shape, and other dtypes than float32") {
  script_options options{.name = "risk",
                         .source = "def forward(self, x: Tensor) -> Tensor:\n    return x.sum(2).long()\n",
                         .input = {.dtype = dtype::float64, .shape = {2, 2}},
                         .output = {.dtype = dtype::int64, .shape = {2}}};
  const auto encode = [](const four& from, row to) {
    CHECK(to.shape().size() == 2);
    for (std::size_t i = 0; i < to.size(); ++i) to.values<double>()[i] = from[i];
  };
  const auto decode = [](const row& from) { return from.values<std::int64_t>()[0] * 100 + from.values<std::int64_t>()[1]; };
  const auto o = answers<std::int64_t>(options, encode, decode, {four{1, 2, 3, 4}});
  CHECK(o[0]->value() == 307);
}

TEST_CASE("a decoder may look at the input, and may answer a failure") {
  const auto decode = [](const row& from, const four& in) -> catena::result<float> {
    if (in[0] < 0) return catena::failure(errc::invalid_input, "negative");
    return from.values()[0] + in[0];
  };
  const auto o = answers<float>(script(sum_source), encode_four, decode, {four{1, 2, 3, 4}, four{-1, 0, 0, 0}});
  CHECK(o[0]->value() == 11.0F);
  CHECK(o[1]->why().is(errc::invalid_input));
}

TEST_CASE("an output of one value for each row may come as [n] or as [n, 1]") {
  for (const char* dims : {"1", "1, keepdim=True"}) {
    auto options = script("def forward(self, x: Tensor) -> Tensor:\n    return x.sum(" + std::string(dims) + ")\n");
    options.output.shape = {1};
    CHECK(answers<float>(options, encode_four, decode_first, {four{1, 2, 3, 4}})[0]->value() == 10.0F);
  }
}

TEST_CASE("an output that is no contiguous tensor is read rightly") {
  const auto o = answers<std::vector<float>>(script("def forward(self, x: Tensor) -> Tensor:\n    return x.t().contiguous().t()\n"),
                                             encode_four, decode_all, {four{1, 2, 3, 4}, four{5, 6, 7, 8}});
  CHECK(o[0]->value() == std::vector<float>{1, 2, 3, 4});
  CHECK(o[1]->value() == std::vector<float>{5, 6, 7, 8});
}

TEST_CASE("a method other than forward can be called") {
  auto options = script(sum_source + "def score(self, x: Tensor) -> Tensor:\n    return -self.forward(x)\n");
  options.method = "score";
  CHECK(answers<float>(options, encode_four, decode_first, {four{1, 2, 3, 4}})[0]->value() == -10.0F);
}

TEST_CASE("a model file that does not exist is model_not_found") {
  const auto why = failure_of({.name = "risk", .file = "/no/such/file.pt", .input = {.shape = {4}}});
  CHECK(why.is(errc::model_not_found));
  CHECK(why.message() == "model 'risk': there is no file '/no/such/file.pt'");
}

TEST_CASE("a model file that is not TorchScript is model_invalid") {
  scratch_file file;
  std::ofstream(file.path) << "this is no archive";
  const auto why = failure_of({.name = "risk", .file = file.path, .input = {.shape = {4}}});
  CHECK(why.is(errc::model_invalid));
  CHECK_THAT(why.message(), ContainsSubstring("model 'risk': '" + file.path + "' is not TorchScript: "));
  const auto folder = failure_of({.name = "risk", .file = file.folder.path().string(), .input = {.shape = {4}}});
  CHECK(folder.is(errc::model_invalid));
  CHECK_THAT(folder.message(), ContainsSubstring("is a folder"));
}

TEST_CASE("source text that does not compile is model_invalid, with what the compiler says") {
  const auto why = failure_of(script("def forward(self, x: Tensor) -> Tensor:\n    return y\n"));
  CHECK(why.is(errc::model_invalid));
  CHECK_THAT(why.message(), ContainsSubstring("model 'risk': its source does not compile: undefined value y"));
}

TEST_CASE("a method that the model does not have is model_invalid, with those it has") {
  auto options = script(sum_source);
  options.method = "score";
  const auto why = failure_of(options);
  CHECK(why.is(errc::model_invalid));
  CHECK(why.message() == "model 'risk': there is no method 'score' in it; it has forward");
}

TEST_CASE("a device that does not exist is device_unavailable") {
  auto options = script(sum_source);
  options.devices = {"gpu:0"};
  CHECK(failure_of(options).is(errc::device_unavailable));
  CHECK_THAT(failure_of(options).message(), ContainsSubstring("there is no device 'gpu:0'; expected cpu, cuda or cuda:N"));
  options.devices = {"cuda:63"};
  CHECK(failure_of(options).is(errc::device_unavailable));
  CHECK_THAT(failure_of(options).message(), ContainsSubstring("device 'cuda:63' is not available"));
}

TEST_CASE("devices are of one kind, and none is there twice") {
  const auto refusal = [](std::vector<std::string> devices) {
    auto options = script(sum_source);
    options.devices = std::move(devices);
    try {
      static_cast<void>(failure_of(options));
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(refusal({}) == "script_options::devices of 'risk' must not be empty");
  CHECK(refusal({"cpu", "cpu:0"}) == "script_options::devices of 'risk' has 'cpu' twice");
  CHECK(refusal({"cpu"}).empty());
}

TEST_CASE("an output of the wrong shape is shape_mismatch, with the expected and the given one") {
  auto options = script(sum_source);
  options.output.shape = {10};
  const auto why = failure_of(options);
  CHECK(why.is(errc::shape_mismatch));
  CHECK(why.message() == "model 'risk': method 'forward' answered shape [2, 1], expected [2, 10]");
}

TEST_CASE("an output that has not one row for each row of the input is shape_mismatch") {
  const auto why = failure_of(script("def forward(self, x: Tensor) -> Tensor:\n    return x.sum()\n"));
  CHECK(why.is(errc::shape_mismatch));
  CHECK(why.message() == "model 'risk': method 'forward' answered shape [], expected [2, ...]");
}

TEST_CASE("an output of the wrong dtype is dtype_mismatch, with the expected and the given one") {
  auto options = script("def forward(self, x: Tensor) -> Tensor:\n    return x.double()\n");
  options.output.dtype = dtype::float32;
  const auto why = failure_of(options);
  CHECK(why.is(errc::dtype_mismatch));
  CHECK(why.message() == "model 'risk': method 'forward' answered dtype float64, expected float32");
}

TEST_CASE("an output whose dtype has no C++ counterpart is dtype_mismatch") {
  const auto why = failure_of(script("def forward(self, x: Tensor) -> Tensor:\n    return x.half()\n"));
  CHECK(why.is(errc::dtype_mismatch));
  CHECK_THAT(why.message(), ContainsSubstring("expected a type with a C++ counterpart"));
}

TEST_CASE("an answer that is no tensor is model_invalid") {
  const auto why = failure_of(script("def forward(self, x: Tensor):\n    return (x, x)\n"));
  CHECK(why.is(errc::model_invalid));
  CHECK_THAT(why.message(), ContainsSubstring("answered Tuple, expected a Tensor"));
}

TEST_CASE("an input of the wrong shape is shape_mismatch for that row alone") {
  const auto encode = [](const four& from, row& to) {
    to.assign<float>(std::span<const float>(from).first(from[0] < 0 ? 3 : 4));
  };
  const auto o = answers<float>(script(sum_source), encode, decode_first, {four{1, 0, 0, 0}, four{-1, 0, 0, 0}, four{3, 0, 0, 0}});
  CHECK(o[0]->value() == 1.0F);
  CHECK(o[1]->why().is(errc::shape_mismatch));
  CHECK(o[1]->why().message() ==
        "model 'risk': the input cannot be encoded: the row's shape is [4], which is 4 values; the codec gives 3");
  CHECK(o[2]->value() == 3.0F);
}

TEST_CASE("an input of the wrong dtype is dtype_mismatch, with the expected and the given one") {
  const auto encode = [](const four&, row& to) { to.values<double>()[0] = 1; };
  const auto why = answers<float>(script(sum_source), encode, decode_first, {four{}})[0]->why();
  CHECK(why.is(errc::dtype_mismatch));
  CHECK(why.message() ==
        "model 'risk': the input cannot be encoded: the row's elements are float32, the codec takes them for float64");
}

TEST_CASE("a codec that throws fails its row alone") {
  const auto encode = [](const four& from, row& to) {
    if (from[0] < 0) throw std::runtime_error("too small");
    to.assign<float>(from);
  };
  const auto decode = [](const row& from) {
    if (from.values()[0] > 99) throw std::runtime_error("too large");
    return from.values()[0];
  };
  const auto o = answers<float>(script(sum_source), encode, decode, {four{1}, four{-1}, four{100}, four{4}});
  CHECK(o[0]->value() == 1.0F);
  CHECK(o[1]->why().is(errc::invalid_input));
  CHECK_THAT(o[1]->why().message(), ContainsSubstring("too small"));
  CHECK(o[2]->why().is(errc::model_failed));
  CHECK_THAT(o[2]->why().message(), ContainsSubstring("too large"));
  CHECK(o[3]->value() == 4.0F);
}

TEST_CASE("an exception inside a TorchScript model fails the batch with its text, and the model lives on") {
  manual_world world;
  const auto rt = world.runtime();
  auto options = script("def forward(self, x: Tensor) -> Tensor:\n    assert bool((x >= 0).all()), \"negative value\"\n    return x\n");
  options.batch = {};
  const script_model<four, float> m{rt, options, encode_four, decode_first};
  outcome<float> bad;
  outcome<float> good;
  m.async_run(four{-1}, bad.take());
  world.run_until_idle();
  m.async_run(four{7}, good.take());
  world.run_until_idle();
  CHECK(bad.why().is(errc::model_failed));
  CHECK_THAT(bad.why().message(), ContainsSubstring("model 'risk': "));
  CHECK_THAT(bad.why().message(), ContainsSubstring("negative value"));
  CHECK(good.value() == 7.0F);
}

TEST_CASE("script_options that are out of range are refused with the member's name") {
  CHECK_THROWS_WITH(failure_of({.name = "risk"}), "script_options of 'risk': give either file or source");
  CHECK_THROWS_WITH(failure_of({.name = "risk", .source = sum_source, .input = {.shape = {4, 0}}}),
                    "script_options::input.shape must have extents of at least 1, or any_extent, has 0");
  CHECK_THROWS_WITH(failure_of({.name = "risk", .source = sum_source, .method = ""}), "script_options::method must not be empty");
  CHECK_THROWS_WITH(failure_of({.name = "", .source = sum_source}), "model_options::name must not be empty");
  CHECK_THROWS_WITH(failure_of({.name = "risk", .source = sum_source, .instances = 0}),
                    "model_options::instances must be 1 to 1024, is 0");
}

TEST_CASE("instances of one TorchScript model compute on several threads at once, off the caller's executor", "[concurrency]") {
  boost::asio::thread_pool caller{1};
  std::atomic<bool> on_caller{false};
  {
    const catena::runtime rt{caller.get_executor(), {.compute_thread_count = 2}};
    auto options = script(sum_source);
    options.instances = 2;
    options.batch = {.max_size = 4};
    const auto encode = [&](const four& from, row& to) {
      if (caller.get_executor().running_in_this_thread()) on_caller = true;
      to.assign<float>(from);
    };
    const script_model<four, float> m{rt, options, encode, decode_first};
    std::vector<std::future<catena::result<float>>> answers;
    for (int i = 0; i < 200; ++i) answers.push_back(m.async_run(four{static_cast<float>(i), 1, 0, 0}, boost::asio::use_future));
    for (int i = 0; i < 200; ++i) CHECK(answers[static_cast<std::size_t>(i)].get().value() == static_cast<float>(i) + 1);
  }
  caller.join();
  CHECK(!on_caller);
}

TEST_CASE("a model can compute in bfloat16, of float32 rows and to float32 rows") {
  scratch_file file;
  catena::test::save_layers(file.path, 4, 16, 2);
  script_options options{.name = "risk", .file = file.path, .input = {.shape = {4}}, .output = {.dtype = dtype::float32, .shape = {2}}};
  const auto exact = answers<std::vector<float>>(options, encode_four, decode_all, {four{1, 2, -3, 4}})[0]->value();
  options.compute_in = torch_models::precision::bfloat16;
  const auto rough = answers<std::vector<float>>(options, encode_four, decode_all, {four{1, 2, -3, 4}})[0]->value();
  CHECK(rough != exact);
  for (std::size_t i = 0; i < exact.size(); ++i) CHECK(rough[i] == Catch::Approx(exact[i]).epsilon(0.05).margin(0.2));
}

TEST_CASE("a model can be frozen or optimised for inference, copied or mapped, and answers nearly the same") {
  scratch_file file;
  catena::test::save_layers(file.path, 4, 16, 2);
  script_options options{.name = "risk", .file = file.path, .input = {.shape = {4}}, .output = {.shape = {2}}};
  const std::vector<four> inputs{four{1, 2, -3, 4}, four{0, 1, 0, 1}};
  options.batch = {.max_size = 2, .max_delay = 1s};
  const auto exact = answers<std::vector<float>>(options, encode_four, decode_all, inputs);
  for (const auto optimise : {torch_models::optimisation::frozen, torch_models::optimisation::for_inference})
    for (const auto load : {torch_models::loading::copied, torch_models::loading::mapped}) {
      options.optimise = optimise;
      options.load = load;
      const auto o = answers<std::vector<float>>(options, encode_four, decode_all, inputs);
      for (std::size_t i = 0; i < inputs.size(); ++i)
        for (std::size_t k = 0; k < 2; ++k) CHECK(o[i]->value()[k] == Catch::Approx(exact[i]->value()[k]).margin(1e-5));
    }
}

TEST_CASE("the number of threads in a batch is one for the process: a model that says another is refused") {
  auto options = script(sum_source);
  CHECK_FALSE(failure_of(options).is_set());
  options.intra_op_threads = 2;
  CHECK_THROWS_WITH(failure_of(options), "script_options::intra_op_threads of 'risk' is 2; another model of this process has said 1, "
                                         "and LibTorch has one number for all");
  options.intra_op_threads = 0;
  CHECK_FALSE(failure_of(options).is_set());
}

TEST_CASE("whether LibTorch fuses kernels is one switch for the process: a model that says another is refused") {
  auto options = script(sum_source);
  CHECK_FALSE(failure_of(options).is_set());
  options.fusion = catena::torch::kernel_fusion::on;
  CHECK_THROWS_WITH(failure_of(options), "script_options::fusion of 'risk' is on; another model of this process has said the contrary, "
                                         "and LibTorch has one switch for all");
  options.fusion = catena::torch::kernel_fusion::unchanged;
  CHECK_FALSE(failure_of(options).is_set());
}

TEST_CASE("a package of AOTInductor is unsupported where LibTorch has no loader for it") {
#ifdef CATENA_TORCH_PACKAGES
  CATENA_SKIP("this LibTorch loads packages");
#else
  const auto why = failure_of({.name = "risk", .file = "risk.pt2", .input = {.shape = {4}}});
  CHECK(why.is(errc::unsupported));
  CHECK(why.code() == catena::condition::give_up);
  CHECK_THAT(why.message(), ContainsSubstring("'risk.pt2' is a package of AOTInductor; LibTorch loads those from 2.6 on"));
#endif
}

TEST_CASE("a TorchScript model computes the same on a GPU as on the CPU", "[cuda]") {
  auto options = script("def forward(self, x: Tensor) -> Tensor:\n    return torch.softmax(x * 3.0, 1)\n");
  const std::vector<four> inputs{four{1, 2, 3, 4}, four{4, 3, 2, 1}, four{0, 0, 0, 1}};
  const auto here = answers<std::vector<float>>(options, encode_four, decode_all, inputs);
  options.devices = {"cuda:0"};
  if (failure_of(options).is(errc::device_unavailable)) CATENA_SKIP("no CUDA device");
  const auto there = answers<std::vector<float>>(options, encode_four, decode_all, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    for (std::size_t k = 0; k < 4; ++k) CHECK(here[i]->value()[k] == Catch::Approx(there[i]->value()[k]));
}

TEST_CASE("a GPU answers the same whether its batches are launched or recorded and replayed", "[cuda]") {
  auto options = script("def forward(self, x: Tensor) -> Tensor:\n    return torch.softmax(torch.matmul(x, x.new_ones([4, 4])) * x, 1)\n");
  options.devices = {"cuda:0"};
  options.batch.allowed_sizes = {2, 8};
  if (failure_of(options).is(errc::device_unavailable)) CATENA_SKIP("no CUDA device");
  const std::vector<four> inputs{four{1, 2, 3, 4}, four{4, 3, 2, 1}, four{0, 0, 0, 1}};
  const auto launched = answers<std::vector<float>>(options, encode_four, decode_all, inputs);
  options.graphs = torch_models::graph_use::allowed_sizes;
  if (failure_of(options).is(errc::unsupported)) CATENA_SKIP("no CUDA graphs in this build");
  const auto replayed = answers<std::vector<float>>(options, encode_four, decode_all, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i)
    for (std::size_t k = 0; k < 4; ++k) CHECK(launched[i]->value()[k] == Catch::Approx(replayed[i]->value()[k]));
}

TEST_CASE("a model on a GPU that waits for it cannot be recorded, which the log says, and answers all the same", "[cuda]") {
  for (const bool waits : {false, true}) {
    auto options = script(waits ? positive_source : sum_source);
    options.devices = {"cuda:0"};
    if (failure_of(options).is(errc::device_unavailable)) CATENA_SKIP("no CUDA device");
    options.batch.allowed_sizes = {8};
    options.graphs = torch_models::graph_use::allowed_sizes;
    if (failure_of(options).is(errc::unsupported)) CATENA_SKIP("no CUDA graphs in this build");
    manual_world world;
    std::string said;
    const auto rt = world.runtime({.log = [&](catena::log_level, std::string_view, std::string_view text) { said += text; }});
    const script_model<four, float> m{rt, options, encode_four, decode_first};
    CHECK((said.find("batches of 8 rows cannot be recorded") != std::string::npos) == waits);
    outcome<float> end;
    m.async_run(four{1, 2, 3, 4}, end.take());
    world.run();
    CHECK(end.value() == 10);
  }
}
