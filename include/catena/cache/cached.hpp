// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a cache hands out: a shared, immutable value, or the failure that is remembered in its place.
#include <catena/cache/hasher.hpp>
#include <catena/error.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cassert>
#include <cstdint>
#include <utility>

namespace catena {

template <class T>
class cache;

namespace detail {

/// A cached answer without its type; set `why` makes it a failure, and there is no value.
struct cached_value {
  explicit cached_value(failure f = {}) noexcept : why(std::move(f)) {}
  cached_value(const cached_value&) = delete;
  cached_value& operator=(const cached_value&) = delete;
  virtual ~cached_value() = default;

  friend void intrusive_ptr_add_ref(const cached_value* v) noexcept {
    v->references.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(const cached_value* v) noexcept {
    if (v->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete v;
  }

  mutable std::atomic<std::uint32_t> references{0};
  cached_value* next_dropped = nullptr;  ///< among those that have left a shard; used by the cache's own reference only
  const failure why;
};

using cached_ptr = boost::intrusive_ptr<cached_value>;

template <class T>
struct cached_value_of : cached_value {
  explicit cached_value_of(T&& v) : value(std::move(v)) {}
  const T value;
};

/// The same with the hash it had when it was stored.
template <class T>
struct checked_value_of final : cached_value_of<T> {
  checked_value_of(T&& v, const cache_key& as_stored) : cached_value_of<T>(std::move(v)), hash(as_stored) {}
  const cache_key hash;
};

}  // namespace detail

/// A handle on a cached answer: a value, a failure, or nothing. Eviction does not touch what a handle holds.
/// \threads  distinct handles: safe, also on the same value; shared handles: unsafe
/// \cost     copying is one atomic increment
template <class T>
class cached {
 public:
  cached() noexcept = default;

  /// Whether there is a value.
  explicit operator bool() const noexcept { return held_ && !held_->why.is_set(); }
  [[nodiscard]] const T& operator*() const noexcept {
    assert(*this);
    return static_cast<const detail::cached_value_of<T>&>(*held_).value;
  }
  [[nodiscard]] const T* operator->() const noexcept { return &**this; }

  /// Whether there is anything: neither a value nor a failure is a miss.
  [[nodiscard]] bool found() const noexcept { return held_ != nullptr; }
  /// Set if a failure is cached.
  [[nodiscard]] failure why() const noexcept { return held_ ? held_->why : failure(); }

 private:
  friend class cache<T>;
  template <class>
  friend class flight;
  explicit cached(detail::cached_ptr held) noexcept : held_(std::move(held)) {}

  boost::intrusive_ptr<const detail::cached_value> held_;
};

}  // namespace catena
