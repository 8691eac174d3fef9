// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What lives on a runtime: its chains, its models, its runs in flight.
#include <catena/chain/warm_up.hpp>
#include <catena/graph/description.hpp>
#include <catena/graph/run_report.hpp>
#include <catena/model/model_options.hpp>
#include <catena/runtime.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace catena {

/// A model as it is now.
struct model_report {
  std::string name;
  std::string version;
  std::size_t instances = 0;
  std::size_t queue_capacity = 0;  ///< by now, for each shape
  bool is_hot = true;              ///< it can compute at once
  bool is_nearly_full = false;     ///< nine tenths of the places are taken that there are for some shape
  model_stats stats;
};

/// The chains that there are, in the order in which they were built.
/// \threads  safe
[[nodiscard]] std::vector<graph::description> chains_of(const runtime& rt);
[[nodiscard]] std::vector<model_report> models_of(const runtime& rt);

/// Those of the runs in flight that began first, so many at most, where the runtime has a tracer; else none. Runs that would end meanwhile wait for it: some
/// microseconds for each that is told.
/// \threads  safe
[[nodiscard]] std::vector<run_report> runs_of(const runtime& rt, std::size_t most = 100);

/// What is to be warmed.
struct warm_up_list {
  std::vector<std::shared_ptr<graph::need>> needs;
  std::vector<std::string> unknown;  ///< names of neither a model nor a chain
};
/// Models of these names, and what chains of these names need; empty: all models.
[[nodiscard]] warm_up_list find_needs(const runtime& rt, const std::vector<std::string>& names);

/// Brings them to where they compute, warmed up. Completes with result<void>: the first failure, whose path says of which.
/// \cancel  total: what has been begun goes on
template <class Token>
auto async_warm_up(const runtime& rt, std::vector<std::shared_ptr<graph::need>> needs, Token&& token) {
  return detail::async_bring(rt.state(), std::move(needs), std::forward<Token>(token));
}

}  // namespace catena
