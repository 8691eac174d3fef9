// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Puts a policy document in force.
#include <catena/policy/document.hpp>
#include <catena/runtime.hpp>

#include <boost/system/result.hpp>

namespace catena {

/// Names of stages and models in a document that nobody has by now.
enum class unknown_names : bool {
  are_faults,
  may_come,  ///< chains and models that are made later may have them
};

/// From now on the options of all chains and models of the runtime are those that are given in C++, but for what the document
/// says; what a document before said holds no longer. Nothing is changed where anything is wrong with it: a stage that no chain has, a
/// policy that the stage was not given, options that do not go together with those given in C++, stages that share something and are
/// told different things of it.
///
///     if (auto applied = apply_policies(rt, document); applied.has_error()) log(applied.error().to_string());
///
/// Nothing is dropped: what has begun goes on. A run has the numbers with which it came to the stage; an open breaker stays open;
/// budgets, caches, buckets and what was learnt keep what they have; those who wait in a line or a queue stay, also where it may be
/// no longer as long as it is. What exceeds a cache that is made smaller is evicted.
///
/// Chains and models that are made later get what the document says of them. Where something is wrong with that, the runtime's log
/// says so, and they are as they are in C++.
/// \threads  safe; a run sees all of what one document says of a policy
/// \cost     of a stage that has policies, some nanoseconds each time it is run, for reading numbers that may change; of others nothing
[[nodiscard]] boost::system::result<void, policy_faults> apply_policies(const runtime& rt, const policy_document& document,
                                                                        unknown_names how = unknown_names::are_faults);

}  // namespace catena
