// SPDX-License-Identifier: BSL-1.0
#include <catena/version/version_options.hpp>

#include <cmath>
#include <stdexcept>
#include <string>

namespace catena {
namespace {

/// "4 of 812 runs failed (0.5 %)"
std::string failures(std::size_t failed, std::size_t runs) {
  const double share = runs == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(runs);
  const auto tenths = std::lround(share * 1000);
  return std::to_string(failed) + " of " + std::to_string(runs) + " runs failed (" + std::to_string(tenths / 10) + "." +
         std::to_string(tenths % 10) + " %)";
}

}  // namespace

void check(const canary_options& options) {
  if (!(options.share > 0 && options.share < 1)) throw std::invalid_argument("canary_options::share must be more than 0 and less than 1");
  check(options.rule);
}

void check(const shadow_options& options) {
  if (!(options.share > 0 && options.share <= 1)) throw std::invalid_argument("shadow_options::share must be more than 0 to 1");
  if (options.timeout <= duration{}) throw std::invalid_argument("shadow_options::timeout must be greater than zero");
  if (options.max_in_flight < 1) throw std::invalid_argument("shadow_options::max_in_flight must be at least 1");
}

std::string canary_decision::to_string() const {
  const canary_evidence& e = evidence;
  return "canary '" + version + "' is " + (verdict == canary_verdict::promote ? "promoted" : "rolled back") + ": " +
         failures(e.canary_failures, e.canary_runs) + ", of stable's " + failures(e.stable_failures, e.stable_runs) + ", and it was slower in " +
         std::to_string(e.slower_pairs) + " of " + std::to_string(e.pairs) + " pairs";
}

}  // namespace catena
