// SPDX-License-Identifier: BSL-1.0
#include <torch/script.h>

#include "legal_document/summariser.hpp"
#include "reference_lexrank.hpp"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace legal_summariser_test {

torch::jit::Module& model() {
  static torch::jit::Module compiled = [] {
    torch::jit::Module module("summariser");
    module.define(std::string(legal::summariser_source));
    return module;
  }();
  return compiled;
}

torch::Tensor rows_of(const std::vector<legal::section_input>& inputs) {
  const auto count = static_cast<std::int64_t>(inputs.size());
  torch::Tensor rows = torch::empty(
      {count, static_cast<std::int64_t>(legal::max_sentences), static_cast<std::int64_t>(legal::vector_size) + 1});
  for (std::size_t i = 0; i < inputs.size(); ++i)
    legal::encode(inputs[i], rows.data_ptr<float>() + i * legal::input_row_size);
  return rows;
}

torch::Tensor forward(const torch::Tensor& rows) {
  const c10::InferenceMode guard;
  return model().forward({rows}).toTensor().contiguous();
}

std::vector<legal::summary> summarise(const std::vector<legal::section_input>& inputs) {
  const torch::Tensor out = forward(rows_of(inputs));
  std::vector<legal::summary> all;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    all.push_back(legal::decode(out.data_ptr<float>() + i * legal::output_row_size, inputs[i]));
  return all;
}

std::vector<legal::section_input> gpl_inputs() {
  return legal::to_inputs(legal::split(legal::read_document(LEGAL_DOCUMENT_DATA "/gpl-3.0.txt")));
}

/// Sections of invented sentences whose words follow Zipf's law, so that some repeat and most do not.
std::vector<legal::section_input> synthetic_inputs(unsigned seed, std::size_t sections) {
  std::mt19937 random(seed);
  legal::contents text;
  const auto word = [&] {
    const double u = std::uniform_real_distribution<>(0.0, 1.0)(random);
    return "w" + std::to_string(static_cast<int>(std::pow(600.0, u)));
  };
  for (std::size_t s = 0; s < sections; ++s) {
    legal::section section;
    const std::size_t count = 1 + random() % legal::max_sentences;
    for (std::size_t i = 0; i < count; ++i) {
      std::string sentence = "The";
      for (std::size_t n = 6 + random() % 24; n > 0; --n) sentence += " " + word();
      section.sentences.push_back({sentence + ".", {}, {}});
    }
    text.sections.push_back(section);
  }
  return legal::to_inputs(text);
}

struct agreement {
  std::size_t same = 0;
  std::size_t all = 0;
};

agreement compare(const std::vector<legal::section_input>& inputs) {
  agreement found;
  const auto summaries = summarise(inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto expected = legal_reference::picks(inputs[i]);
    found.all += expected.size();
    for (const auto& pick : summaries[i].picks)
      if (std::find(expected.begin(), expected.end(), pick.sentence) != expected.end()) ++found.same;
  }
  return found;
}

TEST_CASE("the model picks at least 95 % of the sentences that a ten-line reference LexRank on exact vectors picks") {
  agreement total = compare(gpl_inputs());
  CHECK(static_cast<double>(total.same) >= 0.95 * static_cast<double>(total.all));
  for (unsigned seed = 1; seed <= 4; ++seed) {
    const agreement more = compare(synthetic_inputs(seed, 25));
    total.same += more.same;
    total.all += more.all;
  }
  CAPTURE(total.same, total.all);
  CHECK(total.all > 200);
  CHECK(static_cast<double>(total.same) >= 0.95 * static_cast<double>(total.all));
}

TEST_CASE("the central sentence is chosen where it is not the first") {
  const auto text = legal::split(legal::make_document(
      "x",
      "1. Delivery\n\nThe weather in this region changes with every season of the year. The supplier delivers the "
      "goods to the warehouse of the customer. "
      "Ordered goods leave the warehouse within a week. The customer pays the supplier for delivered goods. "
      "Painting the office walls takes a long afternoon.\n"));
  const auto picks = summarise(legal::to_inputs(text)).front().picks;
  REQUIRE_FALSE(picks.empty());
  CHECK(picks.front().sentence == 1);
}

TEST_CASE("a sentence that repeats a picked one is not picked") {
  const auto text =
      legal::split(legal::make_document("x",
                                        "1. Fees\n\nThe customer must pay the annual fee to the supplier. The customer "
                                        "must pay the annual fee to the supplier in euros. "
                                        "The customer must pay the annual fee to the supplier on time. The supplier "
                                        "must keep records of every payment received.\n"));
  const auto picks = summarise(legal::to_inputs(text)).front().picks;
  REQUIRE(picks.size() == 2);
  CHECK(picks[1].sentence == 3);
}

TEST_CASE("a row's answer depends on no other row and on no padding") {
  const auto inputs = gpl_inputs();
  const torch::Tensor together = forward(rows_of(inputs));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const torch::Tensor alone = forward(rows_of({inputs[i]}));
    const torch::Tensor row = together[static_cast<std::int64_t>(i)];
    CHECK((alone[0] - row).abs().max().item<float>() <= 1e-6f);
    CHECK(alone[0][1].equal(row[1]));
    torch::Tensor trimmed =
        rows_of({inputs[i]}).slice(1, 0, static_cast<std::int64_t>(inputs[i].sentences.size())).contiguous();
    const torch::Tensor shorter = forward(trimmed);
    CHECK((shorter[0] - row.slice(1, 0, shorter.size(2))).abs().max().item<float>() <= 1e-6f);
    CHECK(row.slice(1, shorter.size(2)).abs().sum().item<float>() == 0.0f);
  }
}

TEST_CASE("scores of a section sum to one, and a row without words is answered") {
  legal::section_input strange;
  strange.sentences.resize(3);
  strange.weights = {0.05f, 0.05f, 0.05f};
  const torch::Tensor out = forward(rows_of({gpl_inputs()[1], strange}));
  CHECK(std::abs(out[0][0].sum().item<float>() - 1.0f) < 1e-4f);
  CHECK(std::abs(out[1][0].sum().item<float>() - 1.0f) < 1e-4f);
  CHECK(out.isfinite().all().item<bool>());
}

TEST_CASE("words that stand in every sentence weigh less than rare ones, and vectors have length one") {
  legal::corpus_stats stats;
  for (const char* sentence : {"license program", "license work", "license source"}) stats.add(sentence);
  const auto vector = legal::vector_of("The license covers the Programs.", stats);
  float squares = 0;
  for (const auto& feature : vector) squares += feature.weight * feature.weight;
  CHECK(std::abs(squares - 1.0f) < 1e-5f);
  CHECK(legal::similarity(legal::vector_of("program", stats), vector) >
        legal::similarity(legal::vector_of("license", stats), vector));
  CHECK(legal::terms_of("合同解除") == std::vector<std::string>{"合", "合同", "同", "同解", "解", "解除", "除"});
}

}  // namespace legal_summariser_test
