// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The hooks by which a chain warms, keeps and fetches what its stages need, without knowing models.
#include <catena/runtime/arrival.hpp>

#include <memory>
#include <string>
#include <vector>

namespace catena::graph {

/// One of those that a stage goes to, as they are by now: a replica of a pool, or a version.
struct alternative {
  std::string name;
  std::string label;  ///< what it is for, such as canary; empty: one like the others
};

/// Something that a stage needs before it can begin.
/// \threads  safe
class need {
 public:
  virtual ~need() = default;
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  /// Which ones stand behind it, for describing; none: it is one thing.
  [[nodiscard]] virtual std::vector<alternative> alternatives() const { return {}; }
  /// Whether it may be elsewhere, so that runs are to say when they begin and end.
  [[nodiscard]] virtual bool comes_and_goes() const noexcept { return false; }
  /// A run will come to it: it is brought meanwhile, and stays where that costs nobody more.
  virtual void run_began() noexcept {}
  virtual void run_ended() noexcept {}
  /// Brings it; tells when it is there, warmed up.
  virtual void bring(std::shared_ptr<arrival> to_tell) = 0;
};

/// Brings several; tells when all are there, or have failed: then with the first failure, whose path says of which.
void bring_all(std::vector<std::shared_ptr<need>> needs, std::shared_ptr<arrival> to_tell);

}  // namespace catena::graph
