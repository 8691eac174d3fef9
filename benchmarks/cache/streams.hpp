// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The keys that the subjects are asked for, and what is measured of a subject.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/harness.hpp"

namespace cache_bench {

/// What is cached: 64 bytes that say which key they belong to.
struct value {
  std::uint64_t id = 0;
  std::array<std::uint64_t, 7> rest{};
};

/// One request: a key of 64 bytes, and its number, which the answer must bear.
struct request {
  std::string key;
  std::uint32_t id = 0;
};
/// The requests of a run in their order, each with a string of its own, as if it had just come in.
using stream = std::vector<request>;

/// A contender: a cache of a given capacity with string keys.
class contender {
 public:
  virtual ~contender() = default;
  /// Gets each key in turn; one that is not there is made and stored. Returns how many were not there.
  virtual std::uint64_t get_all(const request* first, const request* last) = 0;
  /// Stores each key in turn, there or not.
  virtual void put_all(const request* first, const request* last) = 0;
};

/// Adds the subject `name` to all cases. Metrics: ns (of a get with its load where it misses, or of a put; on two threads,
/// which do a half each, the mean of both), hit_ratio (from an empty cache on).
void add(std::vector<bench::subject>& subjects, const std::string& name,
         const std::function<std::unique_ptr<contender>(std::size_t capacity)>& make);

}  // namespace cache_bench
