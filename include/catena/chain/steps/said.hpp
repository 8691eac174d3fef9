// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What has been said about a stage, and the stage expressions that are put around it for it.
#include <catena/chain/steps/cache_step.hpp>
#include <catena/chain/steps/guard_step.hpp>
#include <catena/chain/steps/limit_step.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace catena::detail {

struct no_cache {};  ///< the stage has none

/// Whether a guard_step is needed for what was said.
enum class guarding : std::uint8_t { nothing = 0, time = 1, queue = 2 };
constexpr guarding operator|(guarding a, guarding b) noexcept {
  return static_cast<guarding>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr bool has(guarding some, guarding one) noexcept {
  return (static_cast<std::uint8_t>(some) & static_cast<std::uint8_t>(one)) != 0;
}

/// What has been said about a stage, beyond what runs and where.
template <guarding Guards = guarding::nothing, class Fallback = no_fallback, class Cache = no_cache, class... Limits>
struct said {
  static constexpr guarding guards = Guards;
  static constexpr bool has_fallback = !std::is_same_v<Fallback, no_fallback>;
  static constexpr bool has_cache = !std::is_same_v<Cache, no_cache>;
  static constexpr bool is_nothing = Guards == guarding::nothing && !has_cache && sizeof...(Limits) == 0;

  guard_options guard;
  [[no_unique_address]] Fallback fallback;
  [[no_unique_address]] Cache cache;
  [[no_unique_address]] std::tuple<Limits...> limits;

  template <guarding More>
  [[nodiscard]] said<Guards | More, Fallback, Cache, Limits...> guarded() && {
    return {std::move(guard), std::move(fallback), std::move(cache), std::move(limits)};
  }
  template <class G>
  [[nodiscard]] said<Guards | guarding::time, G, Cache, Limits...> with_fallback(G f) && {
    return {std::move(guard), std::move(f), std::move(cache), std::move(limits)};
  }
  template <class C>
  [[nodiscard]] said<Guards, Fallback, C, Limits...> with_cache(C c) && {
    return {std::move(guard), std::move(fallback), std::move(c), std::move(limits)};
  }
  template <class Limit>
  [[nodiscard]] said<Guards, Fallback, Cache, Limits..., Limit> with_limit(Limit limit) && {
    return {std::move(guard), std::move(fallback), std::move(cache),
            std::tuple_cat(std::move(limits), std::tuple<Limit>(std::move(limit)))};
  }
};

/// Puts limits around a stage expression, the first one outermost. Only the outermost step of all has the stage's name.
template <class Base>
auto behind_limits(std::string, Base base, std::tuple<>) {
  return base;
}
template <class Base, class Gate, class Cost, class TrueCost, class... Limits>
auto behind_limits(std::string name, Base base, std::tuple<limit_terms<Gate, Cost, TrueCost>, Limits...> limits) {
  return std::apply(
      [&](auto& first, auto&... others) {
        auto inner = behind_limits("", std::move(base), std::tuple<Limits...>(std::move(others)...));
        return limited_stage<decltype(inner), Gate, Cost, TrueCost>{std::move(name), std::move(inner), std::move(first)};
      },
      limits);
}

/// Puts a queue around a stage expression, where a cache stands before it.
template <bool Apart, class Base>
auto behind_queue(Base base, guard_options& guard) {
  if constexpr (Apart) {
    const guard_options queue_only{.timeout = {}, .queue = std::exchange(guard.queue, std::nullopt), .reserve = {}};
    return queued_stage<Base>{std::move(base), queue_only};
  } else {
    return base;
  }
}

/// Puts a cache around a stage expression, if there is one.
template <class Base, class Cache>
auto behind_cache(std::string name, Base base, Cache terms, const key_space& keys) {
  if constexpr (std::is_same_v<Cache, no_cache>) return base;
  else return cached_stage<Base, typename Cache::value_type>{std::move(name), std::move(base), std::move(terms.in), keys, terms.options.failures};
}

}  // namespace catena::detail
