// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is known of parked runs, for somebody who keeps it.
#include <catena/incident/decision.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace catena {

/// One parked run, as a plain value.
struct parked_record {
  std::string token_hash;  ///< SHA-256 of the token, in hex: nobody can decide with it
  std::string path;        ///< of the stage
  std::uint64_t run = 0;
  std::uint32_t tenant = 0;
  std::chrono::system_clock::time_point until;
  decision::kind on_limit = decision::kind::fail;
};

/// Hears of runs that are parked and of those that are no longer. The runs themselves live as long as their process.
/// \threads  called from any thread, concurrently; must not block
class parking_store {
 public:
  virtual ~parking_store() = default;
  /// The run is not parked, and fails, if this throws.
  virtual void parked(const parked_record& record) = 0;
  /// It was decided, by whomever, or its run is over. Once for each that was parked, unless the executor is destroyed before.
  virtual void ended(const std::string& token_hash) noexcept = 0;
};

}  // namespace catena
