// SPDX-License-Identifier: BSL-1.0
#include "summariser.hpp"

#include "readability.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace legal {
namespace {

constexpr float later_sentence = 0.85f;

/// The terms of all sentences, sorted, those that stand in one sentence only left out.
std::vector<std::uint64_t> shared_terms(const std::vector<features>& sentences) {
  std::vector<std::uint64_t> all;
  for (const features& one : sentences)
    for (const feature& f : one) all.push_back(f.id);
  std::sort(all.begin(), all.end());
  std::vector<std::uint64_t> shared;
  for (std::size_t i = 1; i < all.size(); ++i)
    if (all[i] == all[i - 1] && (shared.empty() || shared.back() != all[i])) shared.push_back(all[i]);
  return shared;
}

/// A column of the hash table for each term. A term whose column is taken moves to the next free one, so that
/// collisions only come when there are more terms than columns.
std::vector<std::size_t> columns_of(const std::vector<std::uint64_t>& terms) {
  std::vector<std::size_t> columns;
  std::array<bool, vector_size> taken{};
  for (const std::uint64_t term : terms) {
    std::size_t at = term % vector_size;
    if (columns.size() < vector_size)
      while (taken[at]) at = (at + 1) % vector_size;
    taken[at] = true;
    columns.push_back(at);
  }
  return columns;
}

/// Drops the terms that no other sentence has; both lists are sorted.
features only_shared(const features& of, const std::vector<std::uint64_t>& shared) {
  features kept;
  auto found = shared.begin();
  for (const feature& f : of) {
    while (found != shared.end() && *found < f.id) ++found;
    if (found != shared.end() && *found == f.id) kept.push_back(f);
  }
  kept.shrink_to_fit();
  return kept;
}

}  // namespace

const std::string_view summariser_source = R"(
def forward(self, rows: Tensor) -> Tensor:
    vectors = rows[:, :, :-1]
    weight = rows[:, :, -1]
    real = (weight > 0).to(rows.dtype)
    size = rows.size(1)
    own = torch.eye(size, dtype=rows.dtype, device=rows.device)
    likeness = torch.bmm(vectors, vectors.transpose(1, 2)).clamp_(0.0, 1.0).mul_(1.0 - own)  # 0 at padding

    steps = likeness + 0.001 * own  # a sentence without neighbours keeps what it has
    steps = steps.div_(steps.sum(2, keepdim=True))
    jump = real / torch.clamp(real.sum(1, keepdim=True), min=1.0)
    score = jump
    for i in range(40):
        score = 0.15 * jump + 0.85 * torch.bmm(score.unsqueeze(1), steps).squeeze(1)

    top = torch.clamp(score.max(1, keepdim=True)[0], min=1e-9)
    place = torch.arange(size, dtype=rows.dtype, device=rows.device)
    value = score / top * weight - 1e-5 * place
    open = real
    repeats = torch.zeros_like(score)
    order = torch.zeros_like(score)
    for i in range(3):
        gain = torch.where(open > 0, value * (1.0 - repeats), torch.full_like(value, -1.0))
        best, where = gain.max(1, keepdim=True)
        taken = torch.zeros_like(score).scatter(1, where, 1.0) * (best > 0).to(rows.dtype)
        order = order + taken * float(i + 1)
        near = torch.gather(likeness, 1, where.unsqueeze(2).expand(-1, 1, size)).squeeze(1)
        repeats = torch.max(repeats, near)
        open = open * (1.0 - taken) * (repeats < 0.4).to(rows.dtype)
    return torch.stack([score, order], 1)
)";

section_input to_input(const section& from, std::size_t index, const corpus_stats& stats) {
  section_input input;
  input.index = index;
  const std::size_t count = std::min(from.sentences.size(), max_sentences);
  input.sentences.reserve(count);
  input.weights.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    input.sentences.push_back(vector_of(from.sentences[i].text, stats));
    const float place = i == 0 ? 1.0f : later_sentence;  // the rule tends to stand before its details
    input.weights.push_back(readability(from.sentences[i]) * legal_force(from.sentences[i].text) * place);
  }
  // The other terms change no similarity, because the vectors have length 1 already; without them the hash table is
  // almost free of collisions, and the inputs of a long text take a third of the memory.
  const std::vector<std::uint64_t> shared = shared_terms(input.sentences);
  for (features& one : input.sentences) one = only_shared(one, shared);
  return input;
}

std::vector<section_input> to_inputs(const contents& from) {
  const corpus_stats stats = measure(from);
  std::vector<section_input> inputs;
  inputs.reserve(from.sections.size());
  for (const section& part : from.sections) inputs.push_back(to_input(part, inputs.size(), stats));
  return inputs;
}

void encode(const section_input& from, float* row) {
  std::fill_n(row, input_row_size, 0.0f);
  const std::vector<std::uint64_t> terms = shared_terms(from.sentences);
  const std::vector<std::size_t> columns = columns_of(terms);
  for (std::size_t i = 0; i < from.sentences.size(); ++i) {
    float* vector = row + i * (vector_size + 1);
    auto found = terms.begin();
    for (const feature& f : from.sentences[i]) {  // both are sorted by term
      while (found != terms.end() && *found < f.id) ++found;
      if (found == terms.end() || *found != f.id) continue;
      const bool negative = ((f.id >> 40) & 1u) != 0;  // signs make collisions cancel out on average
      vector[columns[static_cast<std::size_t>(found - terms.begin())]] += negative ? -f.weight : f.weight;
    }
    vector[vector_size] = from.weights[i];
  }
}

summary decode(const float* row, const section_input& from) {
  summary out;
  out.section = from.index;
  for (std::size_t order = 1; order <= max_picks; ++order)
    for (std::size_t i = 0; i < from.sentences.size(); ++i)
      if (static_cast<std::size_t>(row[max_sentences + i] + 0.5f) == order) out.picks.push_back({i, row[i]});
  return out;
}

}  // namespace legal
