// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What has been said about a stage, and the stage expressions that are put around it for it.
#include <catena/chain/steps/attempt_step.hpp>
#include <catena/chain/steps/cache_step.hpp>
#include <catena/chain/steps/early_step.hpp>
#include <catena/chain/steps/fallback_step.hpp>
#include <catena/chain/steps/hedge_step.hpp>
#include <catena/chain/steps/limit_step.hpp>
#include <catena/chain/steps/notify_step.hpp>
#include <catena/chain/steps/queue_step.hpp>
#include <catena/chain/steps/trace_step.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace catena::detail {

struct no_cache {};  ///< the stage has none

/// Which steps are needed for what was said, beside those that have types of their own.
enum class layer : std::uint8_t {
  nothing = 0,
  time = 1,           ///< .timeout
  retry = 2,          ///< .retry
  hedge = 4,          ///< .hedge
  breaker = 8,        ///< .breaker
  queue = 16,         ///< .queue
  attempt_time = 32,  ///< .attempt_timeout
  notify = 64,        ///< .notify
  early = 128,        ///< .fail_early
};
constexpr layer operator|(layer a, layer b) noexcept {
  return static_cast<layer>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr bool has(layer some, layer one) noexcept {
  return (static_cast<std::uint8_t>(some) & static_cast<std::uint8_t>(one)) != 0;
}

/// What has been said about a stage, beyond what runs and where.
template <layer Layers = layer::nothing, class Fallbacks = std::tuple<>, class Cache = no_cache, class Limits = std::tuple<>,
          class Traced = trace_terms<>>
struct said {
  static constexpr layer layers = Layers;
  static constexpr std::size_t fallback_count = std::tuple_size_v<Fallbacks>;
  static constexpr bool has_cache = !std::is_same_v<Cache, no_cache>;
  static constexpr bool has_limits = std::tuple_size_v<Limits> != 0;
  static constexpr bool is_traced = !Traced::is_nothing;
  static constexpr bool tells_inputs = Traced::tells_inputs;
  static constexpr bool tells_output = Traced::tells_output;
  static constexpr bool has_layers = Layers != layer::nothing || fallback_count != 0 || has_cache || has_limits;
  static constexpr bool is_nothing = !has_layers && !is_traced;

  attempt_options attempts;
  queue_options queue;
  hedge_options hedge;
  fail_early_options early;
  std::optional<notify_terms> notify;
  std::array<duration, fallback_count> reserves{};
  [[no_unique_address]] Fallbacks fallbacks;
  [[no_unique_address]] Cache cache;
  [[no_unique_address]] Limits limits;
  Traced traced = {};

  template <layer More>
  [[nodiscard]] said<Layers | More, Fallbacks, Cache, Limits, Traced> with() && {
    return {std::move(attempts), queue, hedge, early, std::move(notify), reserves, std::move(fallbacks), std::move(cache), std::move(limits), std::move(traced)};
  }
  template <class G>
  [[nodiscard]] auto with_fallback(G f, duration reserve) && {
    std::array<duration, fallback_count + 1> more{};
    std::copy(reserves.begin(), reserves.end(), more.begin());
    more.back() = reserve;
    auto all = std::tuple_cat(std::move(fallbacks), std::tuple<G>(std::move(f)));
    return said<Layers, decltype(all), Cache, Limits, Traced>{std::move(attempts), queue, hedge, early, std::move(notify), more, std::move(all), std::move(cache), std::move(limits), std::move(traced)};
  }
  template <class C>
  [[nodiscard]] said<Layers, Fallbacks, C, Limits, Traced> with_cache(C c) && {
    return {std::move(attempts), queue, hedge, early, std::move(notify), reserves, std::move(fallbacks), std::move(c), std::move(limits), std::move(traced)};
  }
  template <class Limit>
  [[nodiscard]] auto with_limit(Limit limit) && {
    auto all = std::tuple_cat(std::move(limits), std::tuple<Limit>(std::move(limit)));
    return said<Layers, Fallbacks, Cache, decltype(all), Traced>{std::move(attempts), queue, hedge, early, std::move(notify), reserves, std::move(fallbacks), std::move(cache), std::move(all), std::move(traced)};
  }
  template <class T>
  [[nodiscard]] said<Layers, Fallbacks, Cache, Limits, T> with_traced(T t) && {
    return {std::move(attempts), queue, hedge, early, std::move(notify), reserves, std::move(fallbacks), std::move(cache), std::move(limits), std::move(t)};
  }
};

// Each puts one thing around a stage expression, if it was said. Only the outermost step of all has the stage's name.

template <bool Said, class Base>
auto attempted(std::string name, Base base, attempt_options options) {
  if constexpr (Said) return attempted_stage<Base>{std::move(name), std::move(base), std::move(options)};
  else return base;
}

template <bool Said, class Base>
auto hedged(std::string name, Base base, const hedge_options& options, effects what) {
  if constexpr (Said) return hedged_stage<Base>{std::move(name), std::move(base), options, what};
  else return base;
}

template <bool Said, class Base>
auto early(std::string name, Base base, early_part part, const attempt_limit_now& limit, const std::shared_ptr<early_core>& core) {
  if constexpr (Said) return early_stage<Base>{std::move(name), std::move(base), {part, limit, core, {}}};
  else return base;
}

template <bool Said, class Base>
auto queued(std::string name, Base base, const queue_options& options) {
  if constexpr (Said) return queued_stage<Base>{std::move(name), std::move(base), options};
  else return base;
}

/// The first limit is the outermost.
template <class Base>
auto limited(std::string, Base base, std::tuple<>) {
  return base;
}
template <class Base, class Gate, class Cost, class TrueCost, class... Limits>
auto limited(std::string name, Base base, std::tuple<limit_terms<Gate, Cost, TrueCost>, Limits...> limits) {
  return std::apply(
      [&](auto& first, auto&... others) {
        auto inner = limited("", std::move(base), std::tuple<Limits...>(std::move(others)...));
        return limited_stage<decltype(inner), Gate, Cost, TrueCost>{std::move(name), std::move(inner), std::move(first)};
      },
      limits);
}

template <class Base, std::size_t N>
auto replaced(std::string, Base base, std::tuple<>, const std::array<duration, N>&) {
  return base;
}
template <class Base, class First, class... Fallbacks>
auto replaced(std::string name, Base base, std::tuple<First, Fallbacks...> fallbacks, const std::array<duration, 1 + sizeof...(Fallbacks)>& reserves) {
  return replaced_stage<Base, First, Fallbacks...>{std::move(name), std::move(base), std::move(fallbacks), reserves};
}

template <bool Said, class Base>
auto notified(std::string name, Base base, std::optional<notify_terms> terms) {
  if constexpr (Said) return notified_stage<Base>{std::move(name), std::move(base), *std::move(terms)};
  else return base;
}

template <class Base, class Cache>
auto cached(std::string name, Base base, Cache terms, const key_space& keys) {
  if constexpr (std::is_same_v<Cache, no_cache>) return base;
  else return cached_stage<Base, typename Cache::value_type>{std::move(name), std::move(base), std::move(terms.in), keys, terms.options.failures};
}

}  // namespace catena::detail
