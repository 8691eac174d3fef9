// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The values of a chain being written down: `node >> stage`, `join(nodes...)`.
#include <catena/chain/stage.hpp>
#include <catena/chain/steps/gather_step.hpp>

#include <memory>
#include <tuple>
#include <utility>
#include <vector>

namespace catena {

/// A value that will exist in a run. Using it twice fans out: then its consumers see `const T&`.
template <class T>
class node {
 public:
  using value_type = T;
  node(std::shared_ptr<graph::builder> chain, std::uint32_t id) : chain_(std::move(chain)), id_(id) {}

  [[nodiscard]] const std::shared_ptr<graph::builder>& chain() const noexcept { return chain_; }
  [[nodiscard]] std::uint32_t id() const noexcept { return id_; }

 private:
  std::shared_ptr<graph::builder> chain_;
  std::uint32_t id_;
};

template <class... T>
class joined;

namespace detail {

/// Anything that can stand right of `>>`.
template <class S>
concept stage_expression = requires { typename std::decay_t<S>::catena_stage_expression; };

template <class... In>
struct wiring {
  template <class S>
  static auto apply(S&& stage, const std::tuple<node<In>...>& nodes) {
    static_assert(stage_expression<S>, "catena: right of >> stands a named stage: write stage(\"name\", f), also for a chain or a model");
    if constexpr (stage_expression<S>) return add(std::forward<S>(stage), nodes);
    else return std::get<0>(nodes);
  }

 private:
  template <class S>
  static auto add(S&& stage, const std::tuple<node<In>...>& nodes) {
    using output = typename std::decay_t<S>::template output<In...>;
    const auto& chain = std::get<0>(nodes).chain();
    std::vector<std::uint32_t> ids;
    std::apply(
        [&](const auto&... n) {
          ids = {n.id()...};
          if (((n.chain() != chain) || ...))
            throw graph_error(stage.name(), {"stage '" + std::string(stage.name()) + "' joins nodes of different chains"});
        },
        nodes);
    const auto id = std::decay_t<S>(std::forward<S>(stage)).template add_to<In...>(*chain, std::move(ids));
    return node<output>(chain, id);
  }
};

}  // namespace detail

/// Several nodes side by side, the inputs of one stage; as a node of its own it is a tuple.
template <class... T>
class joined {
 public:
  explicit joined(node<T>... nodes) : nodes_(std::move(nodes)...) {}

  template <class S>
  auto operator>>(S&& stage) const {
    return detail::wiring<T...>::apply(std::forward<S>(stage), nodes_);
  }

  /// The values as one tuple, as when a join is what a chain answers.
  [[nodiscard]] node<std::tuple<T...>> as_tuple() const {
    return *this >> stage("join", [](T&&... values) { return std::tuple<T...>(std::move(values)...); });
  }
  operator node<std::tuple<T...>>() const { return as_tuple(); }  // NOLINT

 private:
  std::tuple<node<T>...> nodes_;
};

/// Runs a stage on a node's value.
template <class T, class S>
auto operator>>(const node<T>& from, S&& stage) {
  return detail::wiring<T>::apply(std::forward<S>(stage), std::tuple<node<T>>(from));
}

/// Gathers values of different types: the next stage takes them side by side.
template <class... T>
[[nodiscard]] joined<T...> join(node<T>... nodes) {
  return joined<T...>(std::move(nodes)...);
}

/// Gathers any number of values of one type into a vector, which takes them over: no other stage may use them.
/// \errors  graph_error when there is no node, as then there is no chain to belong to
template <class T>
[[nodiscard]] node<std::vector<T>> join(const std::vector<node<T>>& nodes, std::string name = "join") {
  if (nodes.empty()) throw graph_error("", {"join of no nodes: it needs at least one to know its chain"});
  const auto& chain = nodes.front().chain();
  graph::stage_request request;
  for (const auto& n : nodes) {
    if (n.chain() != chain) throw graph_error(name, {"'" + name + "' joins nodes of different chains"});
    request.inputs.push_back(n.id());
  }
  detail::gather_step<T>::prepare(request, std::move(name));
  return node<std::vector<T>>(chain, chain->add_stage(std::move(request)));
}

namespace detail {
template <class T>
node<T> as_node(node<T> n) {
  return n;
}
template <class... T>
node<std::tuple<T...>> as_node(const joined<T...>& nodes) {
  return nodes.as_tuple();
}
}  // namespace detail

}  // namespace catena
