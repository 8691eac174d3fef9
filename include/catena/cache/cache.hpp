// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Answers kept in this process, found by the hash of their request, computed once however many ask at once.
#include <catena/cache/key.hpp>
#include <catena/cache/store.hpp>
#include <catena/runtime.hpp>
#include <catena/type_name.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace catena {

namespace detail {

/// What a value occupies, as far as its type shows it: itself, and the elements of a container.
template <class T>
std::size_t bytes_of(const T& value) {
  if constexpr (requires { value.capacity(); typename T::value_type; })
    return sizeof(T) + value.capacity() * sizeof(typename T::value_type);
  else
    return sizeof(T);
}

/// Found for a user's type beside it: `T make_owned(T&&)`, the value with memory of its own.
template <class T>
concept has_make_owned = requires(T&& value) {
  { make_owned(std::move(value)) } -> std::same_as<T>;
};

template <class T>
T owned(T&& value) {
  if constexpr (has_make_owned<T>) return make_owned(std::move(value));
  else return std::move(value);
}

}  // namespace detail

/// One request's part in a computation that identical requests share: it leads, or it waits for the one who does.
/// Embedded in whatever operation makes the request; used for one request.
/// \lifetime  while it leads, or waits, or is out and not yet woken; the cache must live as long
template <class T>
class flight : public detail::cache_flight {
 public:
  using cache_flight::cache_flight;

  /// After a hit, or once woken without leading: the value, or the failure that all waiters get.
  [[nodiscard]] cached<T> answer() const noexcept { return cached<T>(answer_); }
  /// Lets go of the answer, for an operation that is not destroyed.
  void reset() noexcept { answer_.reset(); }

 private:
  friend class cache<T>;
};

/// A shared handle on a cache of T: bounded in entries and bytes, spread over shards that are locked one at a time.
///
///     catena::key_space risk("risk", "3");
///     catena::cache<score> scores(rt, {.capacity_count = 100'000, .ttl = 10min});
///     if (auto known = scores.get(risk.key(t))) use(*known);
///     else scores.put(risk.key(t), compute(t));
///
/// What is stored is immutable and owns its memory: a type that may look into somebody else's, as a row of a batch does,
/// has beside it a function `T make_owned(T&&)`, which is called on the way in; views are refused.
/// \errors   errc::corrupt_value, where cache_options::checked: what is read has changed since it was stored. It has been forgotten by then
/// \units    capacity_bytes is in the units of `size`; by default sizeof(T) and the elements of a container
/// \threads  safe; the user's code (size, make_owned, destructors) runs outside every lock
/// \lifetime values live as long as somebody holds them, also evicted; the cache needs no executor
/// \cost     get: two lines of memory and a spin lock; it reads the clock only if something can expire
template <class T>
class cache {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && std::move_constructible<T>, "catena: a cache holds plain values");
  static_assert(!std::is_pointer_v<T> && !std::ranges::borrowed_range<T>,
                "catena: a cache owns what it holds, and this type refers to memory of somebody else: "
                "cache std::string for std::string_view, std::vector for std::span");

 public:
  using size_function = std::function<std::size_t(const T&)>;
  using turn = detail::cache_store::turn;

  /// \errors  std::invalid_argument naming the option that is out of range, or a type that is to be checked and cannot be hashed
  explicit cache(const runtime& rt, const cache_options& options = {}, size_function size = &detail::bytes_of<T>)
      : store_(rt.state()->known_source(detail::cache_store::create(options, rt.state()->time))), size_(std::move(size)), checked_(options.checked) {
    if (checked_ && !hashable<T>)
      throw std::invalid_argument("cache_options::checked: what of " + std::string(type_name<T>()) +
                                  " is to be hashed? Write, in its namespace: void hash_append(catena::hasher& h, const T& value)");
  }

  /// The answer to a request, or nothing. A hit is one use, for the eviction policy and the counters.
  [[nodiscard]] cached<T> get(const cache_key& key) const { return cached<T>(as_stored(key, store_->get(key))); }

  /// Stores an answer in the place of an old one, evicting others, and gives it back as all will see it. What is larger
  /// than a shard's budget is not stored.
  cached<T> put(const cache_key& key, T value) const {
    detail::cached_ptr stored = box(std::move(value));
    store_->put(key, stored, size_of(stored));
    return cached<T>(std::move(stored));
  }

  /// Forgets an answer; false if there was none. A computation in flight still publishes its own.
  bool erase(const cache_key& key) const { return store_->erase(key); }

  [[nodiscard]] cache_stats stats() const { return store_->stats(); }
  /// What of it can be changed by a policy document.
  [[nodiscard]] std::shared_ptr<const tunable> tuning() const { return detail::cache_store::tuning(store_); }

  // ---- identical requests in flight: begin, then what it says ----

  /// Looks the request up, and enters its flight if it is not there:
  ///   hit       f.answer() is the answer; nothing else happens
  ///   leads     the caller computes, and ends with publish, fail or abandon, once
  ///   waits     f is woken once: to lead (f.leads()), or with f.answer(); unless it gives up before
  ///   given_up  it gave up before it began
  [[nodiscard]] turn begin(flight<T>& f) const {
    const turn t = store_->begin(f);
    if (t == turn::hit) f.answer_ = as_stored(f.key, std::move(f.answer_));
    return t;
  }

  /// The waiter wants no answer any more, its run being cancelled or out of time; the others are not disturbed. True: it is
  /// out and will not be woken. False: it has been woken or will be, or it never began and now never does.
  [[nodiscard]] bool give_up(flight<T>& f) const noexcept { return store_->give_up(f); }

  /// The leader has the answer: stores it, wakes all waiters with it.
  /// What it throws (out of memory, or from the user's functions) leaves the leader leading: then fail or abandon.
  cached<T> publish(flight<T>& leader, T value) const {
    detail::cached_ptr stored = box(std::move(value));
    store_->publish(leader, stored, size_of(stored));
    return cached<T>(std::move(stored));
  }

  /// The computation failed for all who asked: wakes all waiters with the failure, each once. It is remembered only if that
  /// is asked for, here and by cache_options::negative_ttl.
  void fail(flight<T>& leader, failure why, failure_memory how = failure_memory::forget) const {
    store_->fail(leader, new detail::cached_value(std::move(why)), how);
  }

  /// The leader cannot go on for reasons of its own: its deadline passed, it was cancelled, its executor is gone. The oldest
  /// waiter takes over.
  void abandon(flight<T>& leader) const noexcept { store_->abandon(leader); }

 private:
  [[nodiscard]] detail::cached_ptr box(T&& value) const {
    T own = detail::owned<T>(std::move(value));
    if constexpr (hashable<T>) {
      if (checked_) {
        const cache_key hash = hash_of(own);
        return new detail::checked_value_of<T>(std::move(own), hash);
      }
    }
    return new detail::cached_value_of<T>(std::move(own));
  }
  [[nodiscard]] static cache_key hash_of(const T& value) {
    hasher h;
    h.append(value);
    return h.finish();
  }
  /// What was found, or a failure if that is not what was stored.
  [[nodiscard]] detail::cached_ptr as_stored(const cache_key& key, detail::cached_ptr found) const {
    if constexpr (hashable<T>) {
      if (!checked_ || !found || found->why.is_set()) return found;
      const auto& value = static_cast<const detail::checked_value_of<T>&>(*found);
      if (hash_of(value.value) == value.hash) return found;
      store_->drop_corrupt(key, found.get());
      return new detail::cached_value(failure(errc::corrupt_value, "what the cache holds has changed since it was stored"));
    } else {
      return found;
    }
  }
  [[nodiscard]] std::size_t size_of(const detail::cached_ptr& stored) const {
    return size_(static_cast<const detail::cached_value_of<T>&>(*stored).value);
  }

  std::shared_ptr<detail::cache_store> store_;
  size_function size_;
  bool checked_;
};

}  // namespace catena
