// SPDX-License-Identifier: BSL-1.0
/// \file
/// Models of several inputs and outputs, of shapes that vary, and what is said when they are not as the options say.
#include <catena/testing/manual_world.hpp>
#include <catena/torch/script_model.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using Catch::Matchers::ContainsSubstring;
using catena::errc;
using catena::testing::manual_world;
using catena::torch::any_extent;
using catena::torch::dtype;
using catena::torch::input_rows;
using catena::torch::output_rows;
using catena::torch::row;
using catena::torch::script_options;
using catena::torch::spec_check;

/// A text as a transformer takes it.
struct spec_text {
  std::vector<std::int64_t> ids;
  std::vector<float> weights;
};
using spec_answer = std::vector<float>;
using spec_model = catena::torch::script_model<spec_text, spec_answer>;

/// Weighs and sums the ids: [n, length] twice in, [n] and [n, 2] out.
const std::string two_outputs =
    "    total = (ids * weights).sum(1)\n"
    "    both = torch.stack([ids.float().sum(1), weights.sum(1)], 1)\n";
const std::string two_inputs = "def forward(self, ids: Tensor, weights: Tensor):\n" + two_outputs;

script_options weighing(const std::string& source) {
  script_options options{.name = "weigh", .source = source};
  options.inputs = {{.name = "ids", .dtype = dtype::int64, .shape = {any_extent}}, {.name = "weights", .shape = {any_extent}}};
  options.outputs = {{.name = "total", .shape = {1}}, {.name = "both", .dtype = dtype::float32, .shape = {2}}};
  options.batch = {.max_size = 4, .max_delay = std::chrono::seconds(1)};
  return options;
}

const auto encode_text = [](const spec_text& t, input_rows& to) {
  to.shaped("ids", t.ids.size()).assign<std::int64_t>(t.ids);
  to.shaped("weights", t.weights.size()).assign<float>(t.weights);
};
const auto decode_both = [](const output_rows& from) {
  return spec_answer{from["total"].values()[0], from["both"].values()[0], from["both"].values()[1]};
};

catena::request_measures<spec_text> by_length() {
  return {.cost = {}, .shape = [](const spec_text& t) { return t.ids.size(); }, .bytes = {}};
}

/// What the texts are answered with, all of them asked at once.
template <class Encode>
std::vector<std::unique_ptr<catena::test::outcome<spec_answer>>> weighed(const script_options& options, Encode encode,
                                                                         const std::vector<spec_text>& texts,
                                                                         catena::request_measures<spec_text> measures) {
  manual_world world;
  const auto rt = world.runtime();
  const spec_model m{rt, options, encode, decode_both, std::move(measures)};
  std::vector<std::unique_ptr<catena::test::outcome<spec_answer>>> o;
  for (const spec_text& t : texts) {
    o.push_back(std::make_unique<catena::test::outcome<spec_answer>>());
    m.async_run(t, o.back()->take());
  }
  world.run();
  return o;
}

/// What making the model fails with.
catena::failure failure_of_spec(const script_options& options) {
  manual_world world;
  const auto rt = world.runtime();
  try {
    const spec_model m{rt, options, encode_text, decode_both};
  } catch (const catena::error& e) {
    return e.why();
  }
  return {};
}

const std::vector<spec_text> spec_texts{{{1, 2, 3}, {1, 1, 2}}, {{4, 5}, {10, 1}}, {{6, 7, 8}, {0, 0, 1}}, {{9}, {0.5}}};
const std::vector<spec_answer> spec_answers{{9, 6, 4}, {45, 9, 11}, {8, 21, 1}, {4.5, 9, 0.5}};

}  // namespace

TEST_CASE("a model of several inputs and outputs answers by name, whether it returns a tuple, a list or a dictionary") {
  const std::string returns[] = {"(total, both)", "[total, both]", "{'both': both, 'more': ids, 'total': total}"};
  for (const std::string& answer : returns) {
    const auto o = weighed(weighing(two_inputs + "    return " + answer + "\n"), encode_text, spec_texts, by_length());
    for (std::size_t i = 0; i < o.size(); ++i) CHECK(o[i]->value() == spec_answers[i]);
  }
}

TEST_CASE("requests of several shapes come into batches of their own") {
  script_options options = weighing(two_inputs + "    return (total + 1000 * ids.size(0), both)\n");
  const auto o = weighed(options, encode_text, spec_texts, by_length());
  for (const std::size_t i : {0U, 2U}) CHECK(o[i]->value()[0] == spec_answers[i][0] + 2000);  // two of length 3
  for (const std::size_t i : {1U, 3U}) CHECK(o[i]->value()[0] == spec_answers[i][0] + 1000);
}

TEST_CASE("a codec that pads to a multiple lets requests of several lengths share a batch") {
  const auto encode = [](const spec_text& t, input_rows& to) {
    const auto padded = (t.ids.size() + 3) / 4 * 4;
    row ids = to.shaped("ids", padded), weights = to.shaped("weights", padded);
    std::ranges::fill(ids.values<std::int64_t>(), 0);
    std::ranges::fill(weights.values<float>(), 0.0F);
    std::ranges::copy(t.ids, ids.values<std::int64_t>().begin());
    std::ranges::copy(t.weights, weights.values<float>().begin());
  };
  const auto o = weighed(weighing(two_inputs + "    return (total + 1000 * ids.size(0), both)\n"), encode, spec_texts, {});
  for (std::size_t i = 0; i < o.size(); ++i) CHECK(o[i]->value()[0] == spec_answers[i][0] + 4000);
}

TEST_CASE("a row of another shape than its batch fails alone, and is told how to keep shapes apart") {
  const auto o = weighed(weighing(two_inputs + "    return (total, both)\n"), encode_text, spec_texts, {});
  CHECK(o[0]->value() == spec_answers[0]);
  CHECK(o[2]->value() == spec_answers[2]);
  CHECK(o[1]->why().is(errc::shape_mismatch));
  CHECK(o[1]->why().message() ==
        "model 'weigh': the input cannot be encoded: input 'ids' is [3] in this batch and [2] in this row: "
        "request_measures::shape keeps rows of several shapes apart");
}

TEST_CASE("what a codec does not say rightly of its inputs fails its row with their names") {
  const auto message_of = [](auto encode) {
    const auto o = weighed(weighing(two_inputs + "    return (total, both)\n"), encode, {spec_texts[0]}, {});
    return o[0]->why().message();
  };
  CHECK_THAT(message_of([](const spec_text&, input_rows& to) { static_cast<void>(to.shaped("idz", 3)); }),
             ContainsSubstring("there is no input 'idz'; there is 'ids', 'weights'"));
  CHECK_THAT(message_of([](const spec_text&, input_rows& to) { static_cast<void>(to["ids"]); }),
             ContainsSubstring("input 'ids' is [-1]: its extents must be said, with input_rows::shaped"));
  CHECK_THAT(message_of([](const spec_text&, input_rows& to) { static_cast<void>(to.shaped("ids", 3, 4)); }),
             ContainsSubstring("input 'ids' is [-1], the codec says [3, 4]"));
  CHECK_THAT(message_of([](const spec_text&, input_rows& to) { static_cast<void>(to.shaped("ids", 3)); }),
             ContainsSubstring("input 'weights' is [-1]: its extents must be said"));
}

TEST_CASE("inputs that are not the method's arguments are refused with both") {
  script_options options = weighing(two_inputs + "    return (total, both)\n");
  options.inputs[1].name = "mask";
  CHECK(failure_of_spec(options).is(errc::model_invalid));
  CHECK(failure_of_spec(options).message() == "model 'weigh': method 'forward' takes 'ids', 'weights', the inputs are 'ids', 'mask'");
  options.inputs.clear();
  options.input = {.name = "ids", .shape = {any_extent}};
  CHECK(failure_of_spec(options).message() == "model 'weigh': method 'forward' takes 'ids', 'weights', the inputs are 'ids'");
}

TEST_CASE("what the dry run answers is held against the options, and the error names the output") {
  const std::string answers = two_inputs + "    return (total, both)\n";
  script_options options = weighing(answers);
  options.outputs[1].shape = {3};
  CHECK(failure_of_spec(options).is(errc::shape_mismatch));
  CHECK(failure_of_spec(options).message() ==
        "model 'weigh': method 'forward' answered output 'both' with shape [2, 2], expected [2, 3]");
  options = weighing(answers);
  options.outputs[0].dtype = dtype::int64;
  CHECK(failure_of_spec(options).is(errc::dtype_mismatch));
  CHECK(failure_of_spec(options).message() ==
        "model 'weigh': method 'forward' answered output 'total' with dtype float32, expected int64");
  options = weighing(answers);
  options.outputs.pop_back();
  CHECK(failure_of_spec(options).is(errc::model_invalid));
  options = weighing(two_inputs + "    return {'total': total}\n");
  CHECK(failure_of_spec(options).message() == "model 'weigh': method 'forward' answered no 'both'");
}

TEST_CASE("a dry run that throws says what the model was given") {
  script_options options = weighing("def forward(self, ids: Tensor, weights: Tensor):\n    return (ids.view(7), weights)\n");
  const auto why = failure_of_spec(options);
  CHECK(why.is(errc::model_invalid));
  CHECK_THAT(why.message(), ContainsSubstring("a dry run with ones, int64 [2, 16], float32 [2, 16], failed: "));
  options.check = spec_check::at_first_batch;
  CHECK_FALSE(failure_of_spec(options).is_set());
}

TEST_CASE("a dry run has no rows, so that it costs nothing, unless the model needs some") {
  const auto only_where = [](const std::string& condition) {
    script_options options = weighing("def forward(self, ids: Tensor, weights: Tensor):\n    assert " + condition + ", 'seen'\n" +
                                      two_outputs + "    return (total, both)\n");
    options.warm_up.max_runs = 0;
    return options;
  };
  script_options options = only_where("ids.size(0) == 0");
  CHECK_FALSE(failure_of_spec(options).is_set());
  options.optimise = catena::torch::optimisation::for_inference;
  CHECK_THAT(failure_of_spec(options).message(), ContainsSubstring("seen"));
  CHECK_FALSE(failure_of_spec(only_where("ids.size(0) != 0")).is_set());
}

TEST_CASE("a model whose extents are open is warmed up with those that requests have") {
  const auto refusing = [](const std::string& length) {
    script_options options = weighing("def forward(self, ids: Tensor, weights: Tensor):\n    assert ids.size(1) != " + length +
                                      ", 'seen'\n" + two_outputs + "    return (total, both)\n");
    options.warm_up.max_runs = 1;
    options.warm_up_extents = {8, 32};
    return options;
  };
  const auto failure_with = [](const script_options& options) {
    manual_world world;
    try {
      const spec_model m{world.runtime(), options, encode_text, decode_both, by_length()};
    } catch (const catena::error& e) {
      return e.why();
    }
    return catena::failure();
  };
  CHECK(failure_with(refusing("8")).is(errc::model_invalid));
  CHECK(failure_with(refusing("32")).is(errc::model_failed));
  CHECK_FALSE(failure_with(refusing("16")).is_set());
  script_options options = refusing("16");
  options.warm_up_extents = {0};
  CHECK_THROWS_WITH(failure_with(options), "script_options::warm_up_extents must have one or more, each at least 1");
}

TEST_CASE("a model that answers once for a whole batch is found by the dry run, and without one by the first batch of two") {
  script_options options = weighing(two_inputs + "    return (total.sum().view(1), both)\n");
  CHECK(failure_of_spec(options).message() ==
        "model 'weigh': method 'forward' answered output 'total' with shape [1], expected [2, 1]");
  options.check = spec_check::at_first_batch;
  options.effects = catena::effects::idempotent;  // else the rows are computed again, each alone
  const auto o = weighed(options, encode_text, {spec_texts[0], spec_texts[2]}, {});
  CHECK(o[0]->why().is(errc::shape_mismatch));
  CHECK(o[1]->why().is(errc::shape_mismatch));
}

TEST_CASE("inputs and outputs that cannot be are refused with the member's name") {
  const auto refusal = [](auto change) {
    script_options options = weighing(two_inputs + "    return (total, both)\n");
    change(options);
    try {
      static_cast<void>(failure_of_spec(options));
    } catch (const std::invalid_argument& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(refusal([](script_options& o) { o.input.shape = {3}; }) == "script_options: give either input or inputs");
  CHECK(refusal([](script_options& o) { o.output.shape = {3}; }) == "script_options: give either output or outputs");
  CHECK(refusal([](script_options& o) { o.inputs[0].name = ""; }) == "script_options::inputs must have names");
  CHECK(refusal([](script_options& o) { o.outputs[0].name = "both"; }) == "script_options::outputs has two of the name 'both'");
  CHECK(refusal([](script_options& o) { o.inputs[0].shape = {-2}; }) ==
        "script_options::inputs.shape must have extents of at least 1, or any_extent, has -2");
}

TEST_CASE("a codec of one row is refused where there are several, or one whose shape varies") {
  manual_world world;
  const auto rt = world.runtime();
  const auto one_row = [](const spec_text&, row&) {};
  const auto from_row = [](const row&) { return spec_answer(); };
  const script_options several = weighing(two_inputs + "    return (total, both)\n");
  CHECK_THROWS_WITH(spec_model(rt, several, one_row, decode_both),
                    "script_options of 'weigh': several inputs, or a shape with any_extent, need an encoder of input_rows&");
  CHECK_THROWS_WITH(spec_model(rt, several, encode_text, from_row),
                    "script_options of 'weigh': several outputs need a decoder of const output_rows&");
  script_options open{.name = "weigh", .source = "def forward(self, x: Tensor) -> Tensor:\n    return x\n"};
  open.input.shape = {any_extent};
  CHECK_THROWS_WITH(spec_model(rt, open, one_row, from_row),
                    "script_options of 'weigh': several inputs, or a shape with any_extent, need an encoder of input_rows&");
}
