// SPDX-License-Identifier: BSL-1.0
#include <catena/cache/lru.hpp>
#include <catena/cache/s3_fifo.hpp>
#include <catena/cache/single_flight.hpp>
#include <catena/cache/store.hpp>
#include <catena/cache/time_to_live.hpp>
#include <catena/observe/metric_families.hpp>
#include <catena/runtime/published.hpp>
#include <catena/runtime/spin_lock.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace catena {
namespace detail {
namespace {

/// Values that left a shard, destroyed with it: declared before the shard's lock is taken, hence after it is released.
class dropped_values {
 public:
  dropped_values() noexcept = default;
  dropped_values(const dropped_values&) = delete;
  dropped_values& operator=(const dropped_values&) = delete;
  ~dropped_values() {
    while (first_) {
      const cached_ptr last(std::exchange(first_, first_->next_dropped), false);
    }
  }
  void push_back(cached_ptr value) noexcept {
    cached_value* dropped = value.detach();
    dropped->next_dropped = std::exchange(first_, dropped);
  }

 private:
  cached_value* first_ = nullptr;
};

/// What a shard counts besides what its policy does.
struct shard_counts {
  std::uint64_t hits = 0;
  std::uint64_t negative_hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t waits = 0;
  std::uint64_t loads = 0;
  std::uint64_t load_failures = 0;
  std::uint64_t takeovers = 0;
  std::uint64_t corrupt = 0;
};

template <class Policy>
struct alignas(128) cache_shard {  // two lines: processors fetch them in pairs
  explicit cache_shard(cache_limits limits) : entries(limits) {}

  mutable spin_lock mutex;
  shard_counts counts;  ///< on the lock's line: a hit writes no other one of the shard
  Policy entries;
  single_flight flights;
};

/// The part of a whole that the i-th of `count` gets, so that the parts make up the whole.
std::size_t share(std::size_t whole, std::size_t i, std::size_t count) noexcept {
  return whole / count + (i < whole % count ? 1 : 0);
}

std::size_t shards_for(const cache_options& options) noexcept {
  constexpr std::size_t least = 64;  // entries: with fewer the luck of the hash would decide who is evicted
  return std::bit_floor(std::clamp<std::size_t>(options.capacity_count / least, 1, options.shard_count));
}

template <class Policy>
class sharded_store final : public cache_store {
 public:
  sharded_store(const cache_options& options, std::shared_ptr<time_source> time)
      : cache_store(options),
        time_(std::move(time)),
        lives_(lives_of(options)),
        expires_(options.ttl > duration{} || options.negative_ttl > duration{}) {
    const std::size_t count = shards_for(options);
    for (std::size_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<shard>(limits_of(options, i, count)));
  }

  void set_options(const cache_options& options) noexcept override {
    // First, and for ever: who stores with a time to live reads the clock, and so does who finds what was stored with one.
    if (options.ttl > duration{} || options.negative_ttl > duration{}) expires_.store(true, std::memory_order_relaxed);
    lives_.store(lives_of(options));
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      const cache_limits limits = limits_of(options, i, shards_.size());
      // Some at a time: nobody waits long for the shard, or for what destroys the values.
      for (bool fits = false; !fits;) {
        dropped_values dropped;
        const std::lock_guard lock(shards_[i]->mutex);
        fits = shards_[i]->entries.set_limits(limits, 32, dropped);
      }
    }
  }

  cached_ptr get(const cache_key& key) override {
    const time_point now = moment();
    dropped_values dropped;
    shard& s = shard_of(key);
    const std::lock_guard lock(s.mutex);
    const cached_ptr* found = look_up_locked(s, key, now, dropped);
    return found ? *found : nullptr;
  }

  void put(const cache_key& key, cached_ptr value, std::size_t bytes) override {
    const time_to_live ttl = lives_.load().values;
    const time_point expires = ttl.expiry(moment(), key);
    dropped_values dropped;
    shard& s = shard_of(key);
    const std::lock_guard lock(s.mutex);
    s.entries.put(key, std::move(value), bytes, expires, dropped);
  }

  bool erase(const cache_key& key) override {
    dropped_values dropped;
    shard& s = shard_of(key);
    const std::lock_guard lock(s.mutex);
    return s.entries.erase(key, dropped);
  }

  void drop_corrupt(const cache_key& key, const cached_value* found) override {
    const time_point now = moment();
    dropped_values dropped;
    shard& s = shard_of(key);
    const std::lock_guard lock(s.mutex);
    const cached_ptr* held = s.entries.get(key, now, dropped);
    if (!held || held->get() != found) return;
    ++s.counts.corrupt;
    s.entries.erase(key, dropped);
  }

  cache_stats stats() const override {
    cache_stats all;
    for (const auto& s : shards_) {
      const std::lock_guard lock(s->mutex);
      all.hits += s->counts.hits;
      all.negative_hits += s->counts.negative_hits;
      all.misses += s->counts.misses;
      all.waits += s->counts.waits;
      all.loads += s->counts.loads;
      all.load_failures += s->counts.load_failures;
      all.takeovers += s->counts.takeovers;
      all.corrupt += s->counts.corrupt;
      all.evictions += s->entries.losses().evictions;
      all.expired += s->entries.losses().expired;
      all.refused += s->entries.losses().refused;
      all.count += s->entries.size();
      all.bytes += s->entries.bytes();
      all.in_flight_count += s->flights.size();
    }
    return all;
  }

  // ---- single flight ----

  turn begin(cache_flight& f) override {
    const time_point now = moment();
    dropped_values dropped;
    shard& s = shard_of(f.key);
    const std::lock_guard lock(s.mutex);
    if (const cached_ptr* found = look_up_locked(s, f.key, now, dropped)) {
      answer_inline(f, *found);
      return turn::hit;
    }
    switch (s.flights.join(f)) {
      case flight_member::role::leads: return turn::leads;
      case flight_member::role::waits: ++s.counts.waits; return turn::waits;
      default: return turn::given_up;
    }
  }

  bool give_up(cache_flight& f) noexcept override {
    shard& s = shard_of(f.key);
    const std::lock_guard lock(s.mutex);
    return s.flights.give_up(f);
  }

  void publish(cache_flight& leader, cached_ptr value, std::size_t bytes) override {
    const time_to_live ttl = lives_.load().values;
    const time_point expires = ttl.expiry(moment(), leader.key);
    end_flight(leader, value, [&](shard& s, dropped_values& dropped) {
      ++s.counts.loads;
      s.entries.put(leader.key, value, bytes, expires, dropped);
    });
  }

  void fail(cache_flight& leader, cached_ptr why, failure_memory how) override {
    const time_to_live ttl = lives_.load().failures;
    const bool remembered = how == failure_memory::remember && ttl.ttl > duration{};
    const time_point expires = ttl.expiry(moment(), leader.key);
    end_flight(leader, why, [&](shard& s, dropped_values& dropped) {
      ++s.counts.load_failures;
      if (remembered) s.entries.put(leader.key, why, sizeof(cached_value), expires, dropped);
    });
  }

  void abandon(cache_flight& leader) noexcept override {
    shard& s = shard_of(leader.key);
    flight_member* next = nullptr;
    {
      const std::lock_guard lock(s.mutex);
      next = s.flights.hand_over(leader);
      if (next) ++s.counts.takeovers;
    }
    if (next) promote(static_cast<cache_flight&>(*next));
  }

 private:
  using shard = cache_shard<Policy>;
  struct lives {
    time_to_live values;
    time_to_live failures;
  };

  [[nodiscard]] static lives lives_of(const cache_options& o) noexcept {
    return {{o.ttl, o.ttl_jitter}, {o.negative_ttl, o.ttl_jitter}};
  }
  [[nodiscard]] static cache_limits limits_of(const cache_options& o, std::size_t i, std::size_t count) noexcept {
    const std::size_t bytes = o.capacity_bytes ? o.capacity_bytes : std::numeric_limits<std::size_t>::max();
    return {std::max<std::size_t>(share(o.capacity_count, i, count), 1), share(bytes, i, count)};
  }

  /// The clock is read only where something expires: it costs as much as the rest of a look-up's bookkeeping.
  [[nodiscard]] time_point moment() const noexcept { return expires_.load(std::memory_order_relaxed) ? time_->now() : time_point{}; }

  /// By other bits than those which find the entry within its shard.
  [[nodiscard]] shard& shard_of(const cache_key& key) const noexcept { return *shards_[key.high & (shards_.size() - 1)]; }

  const cached_ptr* look_up_locked(shard& s, const cache_key& key, time_point now, dropped_values& dropped) {
    const cached_ptr* found = s.entries.get(key, now, dropped);
    ++(found ? s.counts.hits : s.counts.misses);
    if (found && (*found)->why.is_set()) ++s.counts.negative_hits;
    return found;
  }

  template <class Store>
  void end_flight(cache_flight& leader, const cached_ptr& with, Store store) {
    flight_list waiters;
    dropped_values dropped;
    shard& s = shard_of(leader.key);
    std::unique_lock lock(s.mutex);
    store(s, dropped);
    s.flights.finish(leader, waiters);
    // A few at a time, so that the shard is not locked while many are told; those who are left may still give up.
    while (!waiters.empty()) {
      std::array<flight_member*, 32> told;
      std::size_t count = 0;
      while (count < told.size() && !waiters.empty()) told[count++] = waiters.pop();
      lock.unlock();
      for (std::size_t i = 0; i < count; ++i) answer(static_cast<cache_flight&>(*told[i]), with);
      lock.lock();
    }
  }

  std::vector<std::unique_ptr<shard>> shards_;
  std::shared_ptr<time_source> time_;
  published<lives> lives_;
  std::atomic<bool> expires_;  ///< something has, or had, a time to live
};

}  // namespace

std::shared_ptr<cache_store> cache_store::create(const cache_options& options, std::shared_ptr<time_source> time) {
  check(options);
  if (options.eviction == eviction_policy::s3_fifo)
    return std::make_shared<sharded_store<s3_fifo<cached_ptr>>>(options, std::move(time));
  return std::make_shared<sharded_store<lru<cached_ptr>>>(options, std::move(time));
}

void cache_store::collect(metric_set& to) const {
  namespace families = metric_families;
  const cache_stats now = stats();
  const auto looked_up = [&](std::string_view outcome, std::uint64_t count) {
    to.add(families::cache_lookups, {{"cache", original_.name}, {"outcome", outcome}}, static_cast<double>(count));
  };
  const auto tell = [&](const metric_family& family, std::uint64_t value) { to.add(family, {{"cache", original_.name}}, static_cast<double>(value)); };
  looked_up("hit", now.hits - now.negative_hits);
  looked_up("negative_hit", now.negative_hits);
  looked_up("miss", now.misses - now.waits);
  looked_up("wait", now.waits);
  tell(families::cache_evictions, now.evictions);
  tell(families::cache_expired, now.expired);
  tell(families::cache_load_failures, now.load_failures);
  tell(families::cache_corrupt, now.corrupt);
  tell(families::cache_entries, now.count);
  tell(families::cache_bytes, now.bytes);
}

std::shared_ptr<const tunable> cache_store::tuning(const std::shared_ptr<cache_store>& self) {
  auto what = std::make_shared<tunable>(tunable_of(self.get(), self->original_));
  what->tune = [self](const void* options) { self->set_options(*static_cast<const cache_options*>(options)); };
  what->expect = [most = self->original_.capacity_count](const void* options) {
    if (static_cast<const cache_options*>(options)->capacity_count > most)
      throw std::invalid_argument("cache_options::capacity_count must be at most " + std::to_string(most) + ", for which it has room");
  };
  return what;
}

/// One whose executor is gone abandons its part inside its wake function, which promotes the next, and so on: those wait
/// here for their turn, or a thousand of them would be a thousand calls deep.
void cache_store::wake(cache_flight& f) noexcept {
  struct turns {
    cache_flight* first = nullptr;
    cache_flight* last = nullptr;
  };
  static thread_local turns* waking = nullptr;
  f.next_woken_ = nullptr;
  if (waking) {
    (waking->first ? waking->last->next_woken_ : waking->first) = &f;
    waking->last = &f;
    return;
  }
  turns mine{&f, &f};
  waking = &mine;
  while (mine.first) {
    cache_flight* next = std::exchange(mine.first, mine.first->next_woken_);
    next->wake_(*next);
  }
  waking = nullptr;
}

}  // namespace detail

namespace {

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("cache_options::" + what); }

}  // namespace

void check(const cache_options& options) {
  if (options.capacity_count < 1 || options.capacity_count > std::size_t{1} << 31)
    refuse("capacity_count must be 1 to 2^31, is " + std::to_string(options.capacity_count));
  if (options.ttl < duration{}) refuse("ttl must be zero or more");
  if (!(options.ttl_jitter >= 0 && options.ttl_jitter <= 1)) refuse("ttl_jitter must be 0 to 1");
  if (options.negative_ttl < duration{}) refuse("negative_ttl must be zero or more");
  if (!std::has_single_bit(options.shard_count) || options.shard_count > 1024)
    refuse("shard_count must be a power of two, 1 to 1024, is " + std::to_string(options.shard_count));
}

}  // namespace catena
