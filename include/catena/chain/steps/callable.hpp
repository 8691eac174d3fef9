// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What kind of stage a callable is, what it takes and what it answers.
#include <catena/call.hpp>
#include <catena/chain/fixed_string.hpp>
#include <catena/graph/builder.hpp>
#include <catena/result.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace catena {

/// What a stage answers when it may end its chain early: a T to go on with, or exit_with(value) to answer at once.
template <class Value>
struct exit_with {
  Value value;
};
template <class Value>
exit_with(Value) -> exit_with<Value>;

/// The answer of a stage that may leave the nearest chain early with an Out.
template <class T, class Out>
class or_exit {
 public:
  or_exit(T value) : value_(std::in_place_index<0>, std::move(value)) {}            // NOLINT: `return value;`
  template <class V>
    requires std::constructible_from<Out, V>
  or_exit(exit_with<V> exit) : value_(std::in_place_index<1>, std::move(exit.value)) {}  // NOLINT: `return exit_with(v);`

  [[nodiscard]] bool exits() const noexcept { return value_.index() == 1; }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(value_)); }
  [[nodiscard]] Out&& exit() && { return std::get<1>(std::move(value_)); }

 private:
  std::variant<T, Out> value_;
};

// A wrong wiring instantiates one of these, so that the first line of the error names what is taken and what is given.
template <class... T>
struct takes;
template <class... T>
struct given;
template <class T>
struct answers;
template <fixed_string Name>
struct stage_named;
struct any_type;  ///< a parameter that is a template's

template <class Stage, class Takes, class Given>
struct stage_cannot_take;
template <class Stage, class Why>
struct stage_cannot;

namespace detail {

// ---- what a callable's parameters are, where that can be known -------------------------------------------------------

template <class F>
struct signature {
  static constexpr bool known = false;
  using parameters = takes<any_type>;
};
template <class R, class... P>
struct known_signature {
  static constexpr bool known = true;
  using parameters = takes<P...>;
  using tuple = std::tuple<P...>;
};
template <class R, class... P>
struct signature<R(P...)> : known_signature<R, P...> {};
template <class R, class... P>
struct signature<R(P...) noexcept> : known_signature<R, P...> {};
template <class R, class... P>
struct signature<R (*)(P...)> : known_signature<R, P...> {};
template <class R, class... P>
struct signature<R (*)(P...) noexcept> : known_signature<R, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...)> : known_signature<R, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) const> : known_signature<R, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) noexcept> : known_signature<R, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) const noexcept> : known_signature<R, P...> {};
template <class F>
  requires requires { &F::operator(); }
struct signature<F> : signature<decltype(&F::operator())> {};

/// The parameter at I, counted without a leading call; any_type where it cannot be known.
template <class F, std::size_t I, bool WithCall>
consteval bool takes_const_reference() {
  if constexpr (signature<F>::known) {
    using tuple = typename signature<F>::tuple;
    constexpr std::size_t at = I + (WithCall ? 1 : 0);
    if constexpr (at < std::tuple_size_v<tuple>) {
      using parameter = std::tuple_element_t<at, tuple>;
      return std::is_lvalue_reference_v<parameter> && std::is_const_v<std::remove_reference_t<parameter>>;
    }
  }
  return false;
}

// ---- generic Asio operations -----------------------------------------------------------------------------------------

/// A completion token that only tells the signature of the operation it is given to.
struct signature_probe {};
template <class Signature>
struct probed {
  using type = Signature;
};

template <class T>
struct is_probed : std::false_type {};
template <class S>
struct is_probed<probed<S>> : std::true_type {};

}  // namespace detail
}  // namespace catena

template <class Signature>
class boost::asio::async_result<catena::detail::signature_probe, Signature> {
 public:
  using completion_handler_type = void;
  using return_type = catena::detail::probed<Signature>;
  template <class Initiation, class Token, class... Args>
  static return_type initiate(Initiation&&, Token&&, Args&&...) {
    return {};
  }
};

namespace catena::detail {

template <class... T>
struct completion_value {
  using type = std::tuple<std::decay_t<T>...>;
};
template <>
struct completion_value<> {
  using type = unit;
};
template <class T>
struct completion_value<T> {
  using type = std::decay_t<T>;
};
template <class T>
struct completion_value<result<T>> {
  using type = std::conditional_t<std::is_void_v<T>, unit, T>;
};

template <class Signature>
struct signature_value;
template <class... T>
struct signature_value<void(T...)> : completion_value<T...> {};
template <class... T>
struct signature_value<void(boost::system::error_code, T...)> : completion_value<T...> {};
template <class... T>
struct signature_value<void(std::exception_ptr, T...)> : completion_value<T...> {};

// ---- kinds -----------------------------------------------------------------------------------------------------------

enum class stage_kind { wrong, function, coroutine, operation };

template <class T>
struct awaitable_traits : std::false_type {};
template <class T, class Executor>
struct awaitable_traits<boost::asio::awaitable<T, Executor>> : std::true_type {
  using value = T;
  using executor = Executor;
};

/// What comes out of a stage's answer: result<T>, or_exit<T, Out> and void are unwrapped.
template <class T>
struct answer {
  using value = T;
  using exit = void;
};
template <>
struct answer<void> {
  using value = unit;
  using exit = void;
};
template <class T>
struct answer<result<T>> : answer<T> {};
template <class T, class Out>
struct answer<or_exit<T, Out>> {
  using value = T;
  using exit = Out;
};

template <class F, class... In>
inline constexpr bool plain_invocable = std::is_invocable_v<const F&, In&&...>;
template <class F, class... In>
inline constexpr bool call_invocable = std::is_invocable_v<const F&, call, In&&...>;
template <class F, class... Args>
concept probe_invocable = std::is_invocable_v<const F&, Args..., signature_probe> &&
                          is_probed<std::invoke_result_t<const F&, Args..., signature_probe>>::value;

/// How a callable is called. The order settles what a template parameter could be taken for: a completion token comes
/// before a call, so a generic lambda that wants the call spells `catena::call`.
enum class calling { wrong, plain, plain_with_token, with_call, with_call_and_token };

template <class F, class... In>
consteval calling calling_of() {
  if constexpr (plain_invocable<F, In...>) return calling::plain;
  else if constexpr (probe_invocable<F, In&&...>) return calling::plain_with_token;
  else if constexpr (call_invocable<F, In...>) return calling::with_call;
  else if constexpr (probe_invocable<F, call, In&&...>) return calling::with_call_and_token;
  else return calling::wrong;
}

/// A callable seen with the inputs it is wired to.
template <class F, calling How, class... In>
struct callable_as {
  static constexpr stage_kind kind = stage_kind::wrong;
};

template <class R>
struct inner_answer {
  static constexpr stage_kind kind = stage_kind::function;
  using type = std::decay_t<R>;
};
template <class T, class Executor>
struct inner_answer<boost::asio::awaitable<T, Executor>> {
  static constexpr stage_kind kind = stage_kind::coroutine;
  using type = T;
};

template <bool WithCall, class Returned>
struct direct_callable {
  static constexpr bool with_call = WithCall;
  using returned = Returned;
  static constexpr stage_kind kind = inner_answer<Returned>::kind;
  using answered = typename inner_answer<Returned>::type;
  using value = typename answer<answered>::value;
  using exit = typename answer<answered>::exit;
};
template <class F, class... In>
struct callable_as<F, calling::plain, In...> : direct_callable<false, std::invoke_result_t<const F&, In&&...>> {};
template <class F, class... In>
struct callable_as<F, calling::with_call, In...> : direct_callable<true, std::invoke_result_t<const F&, call, In&&...>> {};

template <bool WithCall, class Probed>
struct operation_callable;
template <bool WithCall, class Signature>
struct operation_callable<WithCall, probed<Signature>> {
  static constexpr bool with_call = WithCall;
  static constexpr stage_kind kind = stage_kind::operation;
  using value = typename signature_value<Signature>::type;
  using exit = void;
};
template <class F, class... In>
struct callable_as<F, calling::plain_with_token, In...>
    : operation_callable<false, std::invoke_result_t<const F&, In&&..., signature_probe>> {};
template <class F, class... In>
struct callable_as<F, calling::with_call_and_token, In...>
    : operation_callable<true, std::invoke_result_t<const F&, call, In&&..., signature_probe>> {};

template <class F, class... In>
using callable = callable_as<F, calling_of<F, In...>(), In...>;

// ---- how inputs are passed -------------------------------------------------------------------------------------------

template <class F, bool WithCall, bool Probe, class... Args>
inline constexpr bool accepts = [] {
  if constexpr (WithCall && Probe) return std::is_invocable_v<const F&, call, Args..., signature_probe>;
  else if constexpr (WithCall) return std::is_invocable_v<const F&, call, Args...>;
  else if constexpr (Probe) return std::is_invocable_v<const F&, Args..., signature_probe>;
  else return std::is_invocable_v<const F&, Args...>;
}();

template <class F, class Callable, class Indices, class... In>
struct demands_of;
template <class F, class Callable, std::size_t... I, class... In>
struct demands_of<F, Callable, std::index_sequence<I...>, In...> {
  static constexpr std::size_t count = sizeof...(In);
  static constexpr bool probes = Callable::kind == stage_kind::operation;

  /// Whether the callable takes its At-th input as a const reference, the others as rvalues.
  template <std::size_t At>
  static constexpr bool takes_const =
      accepts<F, Callable::with_call, probes, std::conditional_t<I == At, const In&, In&&>...>;

  template <std::size_t At>
  static constexpr graph::demand of = [] {
    using input = std::tuple_element_t<At, std::tuple<In...>>;
    if constexpr (!takes_const<At>) return graph::demand::moves;
    else if constexpr (std::is_trivially_copyable_v<input> || takes_const_reference<F, At, Callable::with_call>())
      return graph::demand::reads;
    else return graph::demand::either;
  }();
};

template <class F, class... In>
using demands_for = demands_of<F, callable<F, In...>, std::index_sequence_for<In...>, In...>;

template <class Demands>
std::vector<graph::demand> demand_list() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return std::vector<graph::demand>{Demands::template of<I>...};
  }(std::make_index_sequence<Demands::count>{});
}

}  // namespace catena::detail
