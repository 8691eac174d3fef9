// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// How a stage's inputs are found in the frame, handed to its callable, and released.
#include <catena/chain/steps/callable.hpp>
#include <catena/graph/run.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace catena::detail {

/// Whether a step's inputs all lie in the frame and are passed as its types alone decide, or the run must be asked.
enum class passing : bool { fixed, dynamic };

/// The inputs of one step of one run: pointers to the values, and who owns them.
template <passing How, class... In>
class arguments {
 public:
  template <std::size_t I>
  using input = std::tuple_element_t<I, std::tuple<In...>>;

  arguments(graph::run& r, const graph::step& s) noexcept : run_(r), step_(s) {}

  template <std::size_t I>
  [[nodiscard]] input<I>* get() const noexcept {
    const std::uint32_t offset = offset_of<I>();
    if constexpr (How == passing::dynamic) {
      if (borrowed<I>()) return const_cast<input<I>*>(*run_.slot<const input<I>*>(offset));
    }
    return run_.slot<input<I>>(offset);
  }

  /// Whether nobody else needs the value.
  template <std::size_t I>
  [[nodiscard]] bool sole() const noexcept {
    if constexpr (How == passing::fixed) return true;
    else return operand<I>().sole && !borrowed<I>();
  }

  template <std::size_t I>
  [[nodiscard]] bool borrowed() const noexcept {
    const std::uint32_t which = operand<I>().plan_input;
    return which != graph::no_index && run_.borrowed(which);
  }

  /// Somebody else needs the inputs as long as this step does.
  void retain() const noexcept {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (retain_one<I>(), ...); }(std::index_sequence_for<In...>{});
  }

  /// This step is done with its inputs.
  void release() const noexcept {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (release_one<I>(), ...); }(std::index_sequence_for<In...>{});
  }

 private:
  template <std::size_t I>
  [[nodiscard]] std::uint32_t offset_of() const noexcept {
    if constexpr (sizeof...(In) <= 3) return step_.in[I];
    else return run_.of().more_inputs[step_.in[0] + I];
  }
  template <std::size_t I>
  [[nodiscard]] const graph::operand& operand() const noexcept {
    return run_.description(step_).operands[I];
  }
  template <std::size_t I>
  void retain_one() const noexcept {
    if constexpr (graph::needs_count<input<I>>) {
      if (!borrowed<I>()) graph::live_count_of(get<I>()).fetch_add(1, std::memory_order_relaxed);
    }
  }
  template <std::size_t I>
  void release_one() const noexcept {
    if constexpr (graph::needs_count<input<I>>) {
      if constexpr (How == passing::dynamic) {
        if (borrowed<I>()) return;
      }
      graph::release_value(get<I>());
    }
  }

  graph::run& run_;
  const graph::step& step_;
};

/// Releases the inputs also when the stage throws.
template <class Arguments>
class input_release {
 public:
  explicit input_release(const Arguments& a) noexcept : arguments_(a) {}
  input_release(const input_release&) = delete;
  input_release& operator=(const input_release&) = delete;
  ~input_release() { arguments_.release(); }

 private:
  const Arguments& arguments_;
};

/// Calls f(refs...) with every input as T&& or const T&, as its demand and its ownership say.
template <class Demands, std::size_t I = 0, class Arguments, class F, class... Refs>
decltype(auto) pass(const Arguments& from, F&& f, Refs&&... refs) {
  if constexpr (I == Demands::count) {
    return std::forward<F>(f)(std::forward<Refs>(refs)...);
  } else {
    auto* value = from.template get<I>();
    if constexpr (Demands::template of<I> == graph::demand::reads) {
      return pass<Demands, I + 1>(from, std::forward<F>(f), std::forward<Refs>(refs)..., std::as_const(*value));
    } else if constexpr (Demands::template of<I> == graph::demand::moves) {
      return pass<Demands, I + 1>(from, std::forward<F>(f), std::forward<Refs>(refs)..., std::move(*value));
    } else {
      if (from.template sole<I>())
        return pass<Demands, I + 1>(from, std::forward<F>(f), std::forward<Refs>(refs)..., std::move(*value));
      return pass<Demands, I + 1>(from, std::forward<F>(f), std::forward<Refs>(refs)..., std::as_const(*value));
    }
  }
}

/// Constructs a step's output and announces it.
template <class T, class... Args>
void emplace_output(graph::run& r, const graph::step& s, Args&&... args) {
  T* value = ::new (static_cast<void*>(r.at(s.out))) T(std::forward<Args>(args)...);
  if constexpr (graph::needs_count<T>) graph::run::publish(value, r.description(s).consumers);
}

/// Turns what a stage's callable answered into the step's outcome.
template <class T>
struct deliver {
  using value_type = T;
  template <class U>
  static graph::outcome to(graph::run& r, const graph::step& s, U&& value) {
    emplace_output<T>(r, s, std::forward<U>(value));
    return graph::outcome::done;
  }
};
template <class T>
struct deliver<result<T>> {
  static graph::outcome to(graph::run& r, const graph::step& s, result<T>&& answered) {
    if (!answered) {
      r.fail(s, std::move(answered).error());
      return graph::outcome::stopped;
    }
    if constexpr (std::is_void_v<T>) return deliver<unit>::to(r, s, unit{});
    else return deliver<T>::to(r, s, *std::move(answered));
  }
};
template <class T, class Out>
struct deliver<or_exit<T, Out>> {
  static graph::outcome to(graph::run& r, const graph::step& s, or_exit<T, Out>&& answered) {
    if (!answered.exits()) return deliver<T>::to(r, s, std::move(answered).value());
    r.exit_with(std::make_shared<Out>(std::move(answered).exit()));
    return graph::outcome::stopped;
  }
};

}  // namespace catena::detail
