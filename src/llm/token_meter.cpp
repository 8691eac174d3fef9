// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/token_meter.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace catena::llm {
namespace {

constexpr double least_scale = 0.1, most_scale = 10;  // a server that counts otherwise does not count these messages

std::int64_t times(double factor, std::int64_t tokens) noexcept { return static_cast<std::int64_t>(std::ceil(factor * static_cast<double>(tokens))); }

}  // namespace

token_meter::token_meter(token_counter count, double error, std::int64_t other)
    : count_(std::move(count)), error_(error), sums_{other} {
  known_.tokens = {.likely = other, .most = most_of(other)};
}

// A text on which the estimate is far too high is no reason to trust it on the next one: only what it is too low by is learnt here.
std::int64_t token_meter::most_of(std::int64_t tokens) const { return times(std::max(known_.scale, 1.0) * (1 + error_), tokens); }

void token_meter::insert(std::size_t at, std::int64_t tokens) {
  sums_.insert(sums_.begin() + static_cast<std::ptrdiff_t>(at) + 1, sums_[at]);
  for (std::size_t i = at + 1; i < sums_.size(); ++i) sums_[i] += tokens;
  if (at >= known_.messages) return;
  ++known_.messages;
  known_.tokens.likely += times(known_.scale, tokens);
  known_.tokens.most += most_of(tokens);
}

void token_meter::erase(std::size_t first, std::size_t last) {
  known_.tokens = known_without(first, last);
  known_.messages -= std::min(last, known_.messages) - std::min(first, known_.messages);
  const std::int64_t gone = sums_[last] - sums_[first];
  for (std::size_t i = last + 1; i < sums_.size(); ++i) sums_[i] -= gone;
  sums_.erase(sums_.begin() + static_cast<std::ptrdiff_t>(first) + 1, sums_.begin() + static_cast<std::ptrdiff_t>(last) + 1);
}

void token_meter::counted(std::int64_t tokens) {
  if (tokens <= 0) return;
  known_ = {.messages = sums_.size() - 1, .tokens = {.likely = tokens, .most = tokens}, .scale = known_.scale};
  if (sums_.back() > 0) known_.scale = std::clamp(static_cast<double>(tokens) / static_cast<double>(sums_.back()), least_scale, most_scale);
}

void token_meter::wrote(std::int64_t tokens) {
  if (tokens <= 0 || known_.messages + 2 != sums_.size()) return;
  ++known_.messages;
  known_.tokens.likely += tokens;
  known_.tokens.most += tokens;
}

token_range token_meter::known_without(std::size_t first, std::size_t last) const {
  first = std::min(first, known_.messages);
  last = std::min(last, known_.messages);
  if (first == last) return known_.tokens;
  // What is left is less than the whole, whatever the estimate says.
  const std::int64_t left = sums_[known_.messages] - (sums_[last] - sums_[first]);
  const std::int64_t most = std::min(known_.tokens.most, most_of(left));
  return {.likely = std::min(times(known_.scale, left), most), .most = most};
}

token_range token_meter::size_without(std::size_t first, std::size_t last) const {
  const token_range known = known_without(first, last);
  first = std::max(first, known_.messages);
  last = std::max(last, known_.messages);
  const std::int64_t estimated = (sums_.back() - sums_[known_.messages]) - (sums_[last] - sums_[first]);
  return {.likely = known.likely + times(known_.scale, estimated), .most = known.most + most_of(estimated)};
}

}  // namespace catena::llm
