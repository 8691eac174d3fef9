// SPDX-License-Identifier: BSL-1.0
#include "retrieval.hpp"

#include <catena/torch/script_model.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace qa {
namespace {

/// The words of a question that count, the rarest ones.
constexpr std::size_t vector_size = 64;
constexpr std::size_t block_size = 64;

/// forward(rows [n, 1 + block, size]) -> [n, block]: the first vector of each row times each of the others.
constexpr const char* scorer_source = R"(
def forward(self, rows: Tensor) -> Tensor:
    question = rows[:, :1, :]
    passages = rows[:, 1:, :]
    return torch.bmm(passages, question.transpose(1, 2)).squeeze(2)
)";

using shared_vector = std::shared_ptr<const legal::features>;

/// Some passages, to be compared with a question.
struct block {
  shared_vector question;
  std::size_t first = 0;  ///< passage
};

struct scored {
  std::size_t passage = 0;
  float score = 0;
};
using block_scores = std::vector<scored>;

shared_vector vector_of_question(const request& asked, const library& in) {
  legal::features all = legal::vector_of(asked.topic, in.stats);
  if (all.size() > vector_size) {
    std::nth_element(all.begin(), all.begin() + vector_size, all.end(), [](const auto& a, const auto& b) { return a.weight > b.weight; });
    all.resize(vector_size);
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  }
  return std::make_shared<const legal::features>(std::move(all));
}

std::vector<block> blocks_for(const request& asked, const library& in) {
  const shared_vector question = vector_of_question(asked, in);
  std::vector<block> all;
  for (std::size_t first = 0; first < in.passages.size(); first += block_size) all.push_back({question, first});
  return all;
}

/// Each word of the question has a column of its own; those of passages that it does not have would be multiplied by zero.
void encode(const library& in, const block& from, float* row) {
  std::fill_n(row, (1 + block_size) * vector_size, 0.0f);
  const legal::features& question = *from.question;
  for (std::size_t column = 0; column < question.size(); ++column) row[column] = question[column].weight;
  const std::size_t last = std::min(from.first + block_size, in.vectors.size());
  for (std::size_t i = from.first; i < last; ++i) {
    float* to = row + (1 + i - from.first) * vector_size;
    auto at = in.vectors[i].begin();
    for (std::size_t column = 0; column < question.size(); ++column) {  // both are sorted by id
      while (at != in.vectors[i].end() && at->id < question[column].id) ++at;
      if (at != in.vectors[i].end() && at->id == question[column].id) to[column] = at->weight;
    }
  }
}

block_scores decode(const library& in, const float* row, const block& of) {
  block_scores scores;
  for (std::size_t i = 0; i < block_size && of.first + i < in.passages.size(); ++i)
    if (row[i] > 0) scores.push_back({of.first + i, row[i]});
  return scores;
}

using scorer = catena::torch::script_model<block, block_scores>;

scorer make_scorer(const catena::runtime& rt, const std::shared_ptr<const library>& from) {
  const catena::torch::script_options script{.name = "scorer",
                                             .source = scorer_source,
                                             .input = {.shape = {1 + block_size, vector_size}},
                                             .output = {.shape = {block_size}},
                                             .batch = {.max_size = 32}};
  return scorer(
      rt, script, [from](const block& one, catena::torch::row& to) { encode(*from, one, to.values().data()); },
      [from](const catena::torch::row& answer, const block& one) { return decode(*from, answer.values().data(), one); });
}

bool has(const std::vector<passage>& all, const passage& one) {
  return std::any_of(all.begin(), all.end(), [&](const passage& p) { return p.file == one.file && p.text.find(one.text) != std::string::npos; });
}

evidence choose(const library& in, const retrieval_options& options, const request& asked, const std::vector<block_scores>& blocks) {
  block_scores best;
  for (const block_scores& some : blocks)
    for (const scored& one : some)
      if (one.score >= options.least_score) best.push_back(one);
  std::sort(best.begin(), best.end(),
            [](const scored& a, const scored& b) { return a.score != b.score ? a.score > b.score : a.passage < b.passage; });
  evidence found{asked.text, {}};
  const auto add_definitions = [&] {
    for (const definition* one : definitions_for(in, asked.topic, options.most_definitions))
      if (!has(found.passages, one->at)) found.passages.push_back(one->at);
  };
  if (asked.what == intent::meaning) add_definitions();
  const std::size_t most = found.passages.size() + options.most_passages;
  std::set<std::string_view> texts;  // there may be copies
  for (const scored& one : best)
    if (found.passages.size() < most && texts.insert(in.passages[one.passage].text).second) found.passages.push_back(in.passages[one.passage]);
  if (asked.what != intent::meaning) add_definitions();
  return found;
}

}  // namespace

catena::chain<request, evidence> make_retrieval(const catena::runtime& rt, const std::shared_ptr<const library>& from,
                                                const retrieval_options& options) {
  const scorer score = make_scorer(rt, from);
  return catena::make_chain<request>(rt, "retrieve", [&](auto asked) {
    auto scores = asked >> catena::stage("vectors", [from](const request& of) { return blocks_for(of, *from); })  //
                  >> catena::each(catena::stage("score", score), 64);
    const auto best = [from, options](const request& of, const std::vector<block_scores>& all) { return choose(*from, options, of, all); };
    return catena::join(asked, scores) >> catena::stage("choose", best);
  });
}

}  // namespace qa
