// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is said about versions, and what they say about themselves.
#include <catena/version/canary_rule.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace catena {

/// What a version is for. Each has one label at a time, and stable and canary are one version each.
enum class version_label : std::uint8_t {
  none,    ///< serves nobody but runs that have begun with it
  stable,  ///< serves
  canary,  ///< serves a share of runs, and is compared with stable
  shadow,  ///< is sent what others answer
};

struct canary_options {
  double share = 0.05;            ///< of runs, more than 0 and less than 1: what it is compared with needs runs as well
  canary_rule_options rule = {};  ///< when it is promoted or rolled back
};

struct shadow_options {
  double share = 1.0;               ///< of runs, more than 0 to 1
  duration timeout = std::chrono::seconds(1);  ///< how long a request may take there, more than 0
  std::size_t max_in_flight = 16;   ///< what comes while so many are under way is not sent, at least 1
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const canary_options& options);
void check(const shadow_options& options);

/// How a canary ended by itself.
struct canary_decision {
  std::string name;     ///< of the versions
  std::string version;  ///< the canary
  canary_verdict verdict = canary_verdict::undecided;
  canary_evidence evidence;

  /// One line, as it is logged.
  [[nodiscard]] std::string to_string() const;
};

struct versions_options {
  std::string name = {};  ///< in errors, paths and logs; not empty, without '/'
  /// Told of every decision, on the executor of the run whose end brought it about; it may change the versions, must not throw,
  /// and that run waits for it. Empty: nobody. The runtime's log has it as well.
  std::function<void(const canary_decision&)> decided = nullptr;
};

/// A snapshot of one version.
struct version_stats {
  std::string version;
  version_label label = version_label::none;
  std::uint64_t run_count = 0;       ///< runs that were given it; as a shadow, requests that were sent
  std::uint64_t answered_count = 0;  ///< requests
  std::uint64_t failed_count = 0;    ///< requests that failed by its fault, running out of time included
  std::uint64_t ignored_count = 0;   ///< requests that were cancelled, refused, or never began: they say nothing about it
};

/// A snapshot of all.
struct versions_stats {
  std::vector<version_stats> versions;            ///< in the order in which they were added
  std::optional<canary_evidence> canary;          ///< while there is one
  std::optional<canary_decision> last_decision;
  std::uint64_t unsent_count = 0;                 ///< requests a shadow should have seen, but too many were in flight
};

}  // namespace catena
