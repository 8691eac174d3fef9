// SPDX-License-Identifier: BSL-1.0
// Rows that stay where they were computed, from model to model.
#include "support/saved_modules.hpp"

#include <catena/cache/cache.hpp>
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/torch/script_model.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using catena::errc;
using catena::stage;
using catena::test::outcome;
using catena::testing::manual_world;
using catena::torch::any_extent;
using catena::torch::give_kept;
using catena::torch::input_rows;
using catena::torch::keep_answer;
using catena::torch::kept_row;
using catena::torch::output_rows;
using catena::torch::row;
using catena::torch::script_model;
using catena::torch::script_options;

const auto kept_encode = [](const float& from, row& to) { to.values()[0] = from; };
const auto kept_decode = [](const row& from) { return from.values()[0]; };

/// From [n, 1] to [n, 2], which stays.
script_options kept_widening(const std::string& expression = "torch.cat([x, x * 10], 1)") {
  script_options options{.name = "widen", .source = "def forward(self, x: Tensor) -> Tensor:\n    return " + expression + "\n"};
  options.input.shape = {1};
  options.output.stays = true;
  options.batch = {.max_size = 4, .max_delay = 1ms};
  options.warm_up.max_runs = 0;
  return options;
}

/// From [n, 2] to [n, 1].
script_options kept_summing() {
  script_options options{.name = "sum", .source = "def forward(self, x: Tensor) -> Tensor:\n    return x.sum(1, keepdim=True)\n"};
  options.input.shape = {2};
  options.batch = {.max_size = 4, .max_delay = 1ms};
  options.warm_up.max_runs = 0;
  return options;
}

/// A row that another model has answered, or one that is written.
struct given_or_written {
  std::shared_ptr<kept_row> given;
  float written = 0;
};
const auto encode_either = [](const given_or_written& from, input_rows& to) {
  if (from.given) to.give(0, *from.given);
  else to[0].values()[0] = to[0].values()[1] = from.written;
};

using widen_model = script_model<float, kept_row>;
using sum_model = script_model<kept_row, float>;

struct kept_world {
  manual_world world;
  catena::runtime rt = world.runtime();

  template <class Model, class In>
  auto ask(const Model& m, const std::vector<In>& inputs) {
    using answer = typename Model::output_type;
    std::vector<std::unique_ptr<outcome<answer>>> ends;
    for (const In& x : inputs) m.async_run(x, ends.emplace_back(std::make_unique<outcome<answer>>())->take());
    world.run();
    return ends;
  }
};

}  // namespace

TEST_CASE("what one model answers another one takes, and no host reads it") {
  kept_world here;
  const widen_model widen{here.rt, kept_widening(), kept_encode, keep_answer{}};
  const sum_model sum{here.rt, kept_summing(), give_kept{}, kept_decode};
  const auto c = catena::make_chain<float>(here.rt, "c", [&](auto in) { return in >> stage("widen", widen) >> stage("sum", sum); });
  const auto ends = here.ask(c, std::vector<float>{1, 2, 3, 4, 5, 6});
  for (std::size_t i = 0; i < ends.size(); ++i) CHECK(ends[i]->value() == 11 * static_cast<float>(i + 1));
}

TEST_CASE("kept rows of several batches, in any order, meet in one") {
  kept_world here;
  const widen_model widen{here.rt, kept_widening(), kept_encode, keep_answer{}};
  const sum_model sum{here.rt, kept_summing(), give_kept{}, kept_decode};
  std::vector<kept_row> rows;
  for (const auto& end : here.ask(widen, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8})) rows.push_back(end->value());
  const std::vector<kept_row> mixed{rows[3], rows[4], rows[5], rows[0], rows[7], rows[7], rows[1], rows[2]};
  const auto ends = here.ask(sum, mixed);
  const std::vector<float> expected{4, 5, 6, 1, 8, 8, 2, 3};
  for (std::size_t i = 0; i < ends.size(); ++i) CHECK(ends[i]->value() == 11 * expected[i]);
}

TEST_CASE("a kept row says what it is, and outlives its model") {
  kept_world here;
  std::vector<kept_row> rows;
  {
    const widen_model widen{here.rt, kept_widening(), kept_encode, keep_answer{}};
    for (const auto& end : here.ask(widen, std::vector<float>{1, 2})) rows.push_back(end->value());
  }
  CHECK(rows[1].device() == "cpu");
  CHECK(rows[1].dtype() == catena::torch::dtype::float32);
  CHECK(std::vector<std::int64_t>(rows[1].shape().begin(), rows[1].shape().end()) == std::vector<std::int64_t>{2});
  const kept_row alone = make_owned(kept_row(rows[1]));
  CHECK(alone.tensor() != rows[1].tensor());
  CHECK(alone.index() == 0);
  const sum_model sum{here.rt, kept_summing(), give_kept{}, kept_decode};
  const auto ends = here.ask(sum, std::vector<kept_row>{rows[1], alone, rows[0]});
  CHECK(ends[0]->value() == 22);
  CHECK(ends[1]->value() == 22);
  CHECK(ends[2]->value() == 11);
}

TEST_CASE("a model that answers what it was given keeps a copy of it") {
  kept_world here;
  auto options = kept_widening("x");
  const widen_model same{here.rt, options, kept_encode, keep_answer{}};
  options = kept_summing();
  options.input.shape = {1};
  const sum_model sum{here.rt, options, give_kept{}, kept_decode};
  const auto first = here.ask(same, std::vector<float>{1, 2});
  const auto second = here.ask(same, std::vector<float>{3, 4});
  const auto ends = here.ask(sum, std::vector<kept_row>{first[0]->value(), first[1]->value(), second[0]->value()});
  CHECK(ends[0]->value() == 1);
  CHECK(ends[1]->value() == 2);
  CHECK(ends[2]->value() == 3);
}

TEST_CASE("a model that answers what it keeps for itself answers copies of it") {
  kept_world here;
  const catena::test::scratch_folder folder("kept");
  {
    ::torch::jit::Module module("m");
    module.register_buffer("last", at::zeros({1, 1}));
    module.define("def forward(self, x: Tensor) -> Tensor:\n    self.last.copy_(x)\n    return self.last\n");
    module.eval();
    module.save(folder.file("last.pt"));
  }
  auto options = kept_widening();
  options.source.clear();
  options.file = folder.file("last.pt");
  options.check = catena::torch::spec_check::at_first_batch;
  const widen_model last{here.rt, options, kept_encode, keep_answer{}};
  options = kept_summing();
  options.input.shape = {1};
  const sum_model sum{here.rt, options, give_kept{}, kept_decode};
  const auto first = here.ask(last, std::vector<float>{1});
  const auto second = here.ask(last, std::vector<float>{2});
  const auto ends = here.ask(sum, std::vector<kept_row>{first[0]->value(), second[0]->value()});
  CHECK(ends[0]->value() == 1);
  CHECK(ends[1]->value() == 2);
}

TEST_CASE("rows that are given and rows that are written share a batch, padded too") {
  kept_world here;
  const widen_model widen{here.rt, kept_widening(), kept_encode, keep_answer{}};
  const auto kept = here.ask(widen, std::vector<float>{1, 2});
  const auto of = [&](std::size_t i) { return given_or_written{std::make_shared<kept_row>(kept[i]->value())}; };
  for (const bool given_first : {false, true}) {
    auto options = kept_summing();
    options.batch.allowed_sizes = {4};
    const script_model<given_or_written, float> sum{here.rt, options, encode_either, kept_decode};
    const auto ends = given_first ? here.ask(sum, std::vector<given_or_written>{of(0), given_or_written{nullptr, 7}, of(1)})
                                  : here.ask(sum, std::vector<given_or_written>{given_or_written{nullptr, 7}, of(0), of(1)});
    CHECK(ends[0]->value() == (given_first ? 11 : 14));
    CHECK(ends[1]->value() == (given_first ? 14 : 11));
    CHECK(ends[2]->value() == 22);
  }
}

TEST_CASE("what was given to a batch that failed is forgotten") {
  kept_world here;
  const widen_model widen{here.rt, kept_widening(), kept_encode, keep_answer{}};
  const auto kept = here.ask(widen, std::vector<float>{-1});
  auto options = kept_summing();
  options.source = "def forward(self, x: Tensor) -> Tensor:\n    assert bool((x >= 0).all()), 'negative'\n    return x.sum(1, keepdim=True)\n";
  const script_model<given_or_written, float> sum{here.rt, options, encode_either, kept_decode};
  CHECK(here.ask(sum, std::vector<given_or_written>{{std::make_shared<kept_row>(kept[0]->value())}})[0]->why().is(errc::model_failed));
  CHECK(here.ask(sum, std::vector<given_or_written>{given_or_written{nullptr, 3}})[0]->value() == 6);
}

TEST_CASE("a kept row that does not fit is refused alone, with what was expected") {
  kept_world here;
  const widen_model widen{here.rt, kept_widening(), kept_encode, keep_answer{}};
  const widen_model triple{here.rt, kept_widening("torch.cat([x, x, x], 1)"), kept_encode, keep_answer{}};
  const widen_model whole{here.rt, kept_widening("torch.cat([x, x], 1).long()"), kept_encode, keep_answer{}};
  const sum_model sum{here.rt, kept_summing(), give_kept{}, kept_decode};
  std::vector<kept_row> rows;
  for (const auto* m : {&widen, &triple, &whole}) rows.push_back(here.ask(*m, std::vector<float>{1})[0]->value());
  const auto ends = here.ask(sum, rows);
  CHECK(ends[0]->value() == 11);
  CHECK(ends[1]->why().is(errc::shape_mismatch));
  CHECK(ends[1]->why().message() ==
        "model 'sum': the input cannot be encoded: the input is [2], the codec says [3]");
  CHECK(ends[2]->why().is(errc::dtype_mismatch));
  CHECK(ends[2]->why().message() ==
        "model 'sum': the input cannot be encoded: the input is float32, the row that is given is int64");
}

TEST_CASE("an output stays or is read, not both") {
  kept_world here;
  const script_model<float, float> read{here.rt, kept_widening(), kept_encode, kept_decode};
  CHECK_THAT(here.ask(read, std::vector<float>{1})[0]->why().message(), Catch::Matchers::ContainsSubstring("stays on its device"));
  auto options = kept_widening();
  options.output.stays = false;
  const widen_model kept{here.rt, options, kept_encode, keep_answer{}};
  CHECK_THAT(here.ask(kept, std::vector<float>{1})[0]->why().message(), Catch::Matchers::ContainsSubstring("does not stay"));
}
