// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The driver below every cache: shards with a lock each, which perform what the policies decide. Knows no types.
#include <catena/cache/cached.hpp>
#include <catena/cache/flight_member.hpp>
#include <catena/observe/metric_source.hpp>
#include <catena/runtime/tunable.hpp>
#include <catena/time.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace catena {

enum class eviction_policy : std::uint8_t { lru, s3_fifo };

struct cache_options {
  std::string name = "cache";                  ///< in metrics; caches of one name are counted together
  std::size_t capacity_count = 10'000;         ///< entries, 1 to 2^31; memory for finding them is taken at once
  std::size_t capacity_bytes = 64UL << 20;     ///< what all entries may weigh together; zero: no limit
  duration ttl = {};                           ///< how long a value stays, zero or more; zero: until it is evicted
  double ttl_jitter = 0.1;                     ///< 0 to 1: the greatest share by which times to live are shortened at random
  duration negative_ttl = {};                  ///< how long a remembered failure stays, zero or more; zero: none is remembered
  eviction_policy eviction = eviction_policy::lru;
  /// A value's hash is kept with it and compared whenever it is read: what has changed meanwhile is forgotten, and errc::corrupt_value.
  bool checked = false;
  /// A power of two, 1 to 1024. Each shard has its part of the budget, at least 64 entries: a small cache has fewer shards.
  std::size_t shard_count = 16;
};

/// Throws std::invalid_argument naming the option that is out of range.
void check(const cache_options& options);

/// What a cache has done so far and holds now.
struct cache_stats {
  std::uint64_t hits = 0;           ///< look-ups that found an answer, negative ones included
  std::uint64_t negative_hits = 0;  ///< look-ups that found a failure
  std::uint64_t misses = 0;         ///< look-ups that found nothing, those that then waited included
  std::uint64_t waits = 0;          ///< misses that waited for somebody else's computation
  std::uint64_t loads = 0;          ///< computations that were published
  std::uint64_t load_failures = 0;  ///< computations that failed
  std::uint64_t takeovers = 0;      ///< computations that a waiter took over because its leader gave up
  std::uint64_t evictions = 0;      ///< entries that made room for others
  std::uint64_t expired = 0;        ///< entries found when their time had passed
  std::uint64_t refused = 0;        ///< values larger than a shard's budget, which are not stored
  std::uint64_t corrupt = 0;        ///< values that were found to have changed, where cache_options::checked
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::size_t in_flight_count = 0;  ///< keys that are being computed
};

/// Whether a failure that a leader reports is remembered for the negative time to live.
enum class failure_memory : bool { forget, remember };

namespace detail {

/// One request's part in a cache's flight, without its type.
class cache_flight : public flight_member {
 public:
  /// Called once on a waiter that is out, from whatever thread ended its wait and outside every lock: brings the waiter to
  /// its own executor, as ready_queue::push and graph::run::resume_on_executor do, and runs nothing of it here.
  using wake_function = void (*)(cache_flight&);

  cache_flight(const cache_key& k, wake_function w) noexcept : flight_member(k), wake_(w) {}

  /// Once woken: whether it has to compute now, because the leader gave up; otherwise it has been answered.
  [[nodiscard]] bool leads() const noexcept { return leads_; }

 protected:
  cached_ptr answer_;

 private:
  friend class cache_store;
  wake_function wake_;
  cache_flight* next_woken_ = nullptr;
  bool leads_ = false;
};

/// \threads  safe
class cache_store : public metric_source {
 public:
  enum class turn : std::uint8_t { hit, leads, waits, given_up };

  [[nodiscard]] static std::shared_ptr<cache_store> create(const cache_options& options, std::shared_ptr<time_source> time);

  [[nodiscard]] virtual cached_ptr get(const cache_key& key) = 0;
  virtual void put(const cache_key& key, cached_ptr value, std::size_t bytes) = 0;
  virtual bool erase(const cache_key& key) = 0;
  /// What was found is not what was stored: counted and forgotten, if it is still there.
  virtual void drop_corrupt(const cache_key& key, const cached_value* found) = 0;
  [[nodiscard]] virtual cache_stats stats() const = 0;
  void collect(metric_set& to) const override;
  /// From now on other times to live hold, for what is stored then, and other capacities, no larger in entries than those it was made with:
  /// what is too much is evicted.
  virtual void set_options(const cache_options& options) noexcept = 0;
  /// Its options, for a policy document.
  [[nodiscard]] static std::shared_ptr<const tunable> tuning(const std::shared_ptr<cache_store>& self);

  [[nodiscard]] virtual turn begin(cache_flight& f) = 0;
  [[nodiscard]] virtual bool give_up(cache_flight& f) noexcept = 0;
  virtual void publish(cache_flight& leader, cached_ptr value, std::size_t bytes) = 0;
  virtual void fail(cache_flight& leader, cached_ptr why, failure_memory how) = 0;
  virtual void abandon(cache_flight& leader) noexcept = 0;

 protected:
  explicit cache_store(const cache_options& options) : original_(options) {}

  static void answer(cache_flight& f, const cached_ptr& with) noexcept {
    f.answer_ = with;
    wake(f);
  }
  static void answer_inline(cache_flight& f, const cached_ptr& with) noexcept { f.answer_ = with; }
  static void promote(cache_flight& f) noexcept {
    f.leads_ = true;
    wake(f);
  }

 private:
  static void wake(cache_flight& f) noexcept;

  const cache_options original_;
};

}  // namespace detail
}  // namespace catena
