// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A stage for every item of a range: `pages >> each(stage("read", read), width)`.
#include <catena/chain/node.hpp>
#include <catena/chain/steps/each_step.hpp>

#include <cstddef>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

namespace catena {

/// How many items of one range are under way at once, where nothing is said.
inline constexpr std::size_t default_width = 64;

/// Maps a range of 0..N items to a vector, order kept. At most `width` items are under way at once; the first item that
/// fails stops the others and fails the stage, with a path such as `legal/each[17]/summarise`.
///
///     sections >> each(stage("summarise", model), 32).with(style)
///
/// \shape  in a range of T, out std::vector<U>; the inner stage takes (T, with...) and answers U
template <class Stage, detail::each_answer Answer = detail::each_answer::value, class... With>
class each_of {
 public:
  using catena_stage_expression = void;
  each_of(std::string name, Stage stage, std::size_t width, node<With>... with)
      : name_(std::move(name)), stage_(std::move(stage)), width_(width), with_(std::move(with)...) {}

  /// Hands the value of another node to every item, as a const reference behind the item.
  template <class V>
  [[nodiscard]] auto with(node<V> value) && {
    return std::apply(
        [&](auto&... nodes) {
          return each_of<Stage, Answer, With..., V>(std::move(name_), std::move(stage_), width_, std::move(nodes)..., std::move(value));
        },
        with_);
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  template <class Range>
  using output = typename detail::each_step<Stage, Answer, Range, With...>::output;

  template <class Range>
  std::uint32_t add_to(graph::builder& chain, std::vector<std::uint32_t> inputs) && {
    std::apply(
        [&](const auto&... nodes) {
          if (((nodes.chain().get() != &chain) || ... || false))
            chain.fault("stage '" + name_ + "' is given .with(node) of another chain");
          else (inputs.push_back(nodes.id()), ...);
        },
        with_);
    return detail::each_step<Stage, Answer, Range, With...>::add_to(chain, std::move(name_), std::move(inputs), std::move(stage_), width_);
  }

 private:
  std::string name_;
  Stage stage_;
  std::size_t width_;
  std::tuple<node<With>...> with_;
};

template <class Stage>
[[nodiscard]] auto each(std::string name, Stage stage, std::size_t width = default_width) {
  return each_of<Stage>(std::move(name), std::move(stage), width);
}
template <class Stage>
[[nodiscard]] auto each(Stage stage, std::size_t width = default_width) {
  return each_of<Stage>("each", std::move(stage), width);
}

/// The same, but an item that fails does not fail the others: every item answers a result<U>.
template <class Stage>
[[nodiscard]] auto each_result(std::string name, Stage stage, std::size_t width = default_width) {
  return each_of<Stage, detail::each_answer::result>(std::move(name), std::move(stage), width);
}
template <class Stage>
[[nodiscard]] auto each_result(Stage stage, std::size_t width = default_width) {
  return each_of<Stage, detail::each_answer::result>("each", std::move(stage), width);
}

}  // namespace catena
