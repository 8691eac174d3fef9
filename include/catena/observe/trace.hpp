// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// One request as it was: a tree of spans, with what each spent its time on.
#include <catena/call.hpp>
#include <catena/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace catena {

/// What a span spent time on.
enum class span_part : std::uint8_t {
  work,        ///< the stage's own: its function, coroutine or operation
  queue,       ///< in front of the stage: `.queue`
  admission,   ///< at a gate: `.limit`
  cache,       ///< for somebody else who computes the same: `.cache`
  backoff,     ///< between two attempts: `.retry`
  batch_wait,  ///< in a model's queue, until an instance took it
  compute,     ///< in a model's batch
  transfer,    ///< encoding and decoding a model's batch, where the instance tells; what a device copies by itself is in compute
  parked,      ///< until a person decided: `.notify`
  hand_over,   ///< from where an answer came until its run went on
};
[[nodiscard]] std::string_view name_of(span_part p) noexcept;

enum class span_kind : std::uint8_t {
  run,      ///< of a chain
  stage,
  attempt,  ///< at a stage that may have several, or an item of `each`
  batch,    ///< of a model, for many requests
};
[[nodiscard]] std::string_view name_of(span_kind k) noexcept;

/// What a span says of itself.
using trace_value = std::variant<std::string, std::int64_t, double, bool>;

struct trace_part {
  span_part what = span_part::work;
  time_point began{};
  time_point ended{};
};

/// A batch in which a request was computed.
struct trace_link {
  std::array<std::byte, 16> trace_id{};
  std::uint64_t span = 0;
};

struct trace_span {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;  ///< zero: none; of the first span, one of another service
  span_kind kind = span_kind::stage;
  std::string name;          ///< a chain's, a stage's, a model's; what kind of attempt
  time_point began{};
  time_point ended{};        ///< the epoch: it had not ended when its trace was closed
  failure why;               ///< not set: it did not fail
  std::vector<trace_part> parts;
  std::vector<std::pair<std::string, trace_value>> attributes;
  std::vector<trace_link> links;
};

/// Why a trace was kept.
enum class kept_for : std::uint8_t { sampled, slow, failed };
[[nodiscard]] std::string_view name_of(kept_for k) noexcept;

/// The first span is the one that all others are under; after them may come those of batches, which have none above them.
struct trace {
  std::array<std::byte, 16> id{};
  kept_for why = kept_for::sampled;
  std::vector<trace_span> spans;
  std::size_t dropped_count = 0;  ///< runs beyond tracer_options::max_runs, and parts, attributes and links beyond sixteen times as many
};

}  // namespace catena
