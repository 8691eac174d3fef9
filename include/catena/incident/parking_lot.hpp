// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The parked runs of a runtime, and who may decide about them.
#include <catena/incident/parking_store.hpp>
#include <catena/result.hpp>
#include <catena/runtime/state.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace catena {

/// A token nobody can guess: 128 random bits in hex.
/// \errors what std::random_device throws
[[nodiscard]] std::string make_parking_token();

/// SHA-256 in hex.
[[nodiscard]] std::string sha256(std::string_view bytes);

class parking_lot;

/// One who waits for a decision, a part of its operation.
struct parked_place : timer_node {
  parked_place() = default;
  parked_place(const parked_place&) = delete;
  parked_place& operator=(const parked_place&) = delete;

  // Set by who parks, before it is added.
  const decision* on_limit = nullptr;
  /// Why this decision is none for it; empty: it is one. Called under the lot's lock.
  std::string (*fault)(const parked_place&, const decision&) = nullptr;
  /// It has been taken out, and `made` is decided; no lock is held.
  void (*end)(parked_place&, wake) = nullptr;
  /// Its timer, which kept its memory, was about to fire when somebody else took it out.
  void (*release)(parked_place&) noexcept = nullptr;

  // The lot's. What it reads when a timer comes late stays readable as long as the run's memory does; `made` belongs to who parks once it is taken out.
  std::optional<decision> made;
  bool by_limit = false;     ///< decided by nobody
  bool keeps_memory = false; ///< what the timer kept has passed to who took it out
  bool waiting_here = false;
  parking_lot* lot = nullptr;
  std::string hash;
};

/// Parked runs by their tokens. There is one for each runtime.
///
/// Only hashes of tokens are kept, and looked up: how long that takes says nothing of a token.
/// \threads  safe
class parking_lot final : public executor_user, public std::enable_shared_from_this<parking_lot> {
 public:
  explicit parking_lot(std::weak_ptr<runtime_state> runtime, std::size_t most, std::shared_ptr<parking_store> store)
      : runtime_(std::move(runtime)), most_(most), store_(std::move(store)) {}
  /// The one that all stages of a runtime share.
  [[nodiscard]] static std::shared_ptr<parking_lot> of(runtime_state& runtime);

  /// Keeps a place free for a run that is about to be parked, and tells the store.
  /// \errors  errc::queue_full, errc::shutting_down; what the store throws
  [[nodiscard]] result<void> reserve(const parked_record& record);
  /// It is not taken.
  void give_back(const parked_record& record) noexcept;
  /// Takes the place that was reserved, until `moment`. False: the runtime drains by now. From then on somebody may take it out.
  [[nodiscard]] bool add(parked_place& place, const parked_record& record, time_point moment);
  /// Tells the store that one who was taken out goes on.
  void ended(const std::string& hash) noexcept;
  /// Takes it out; false, or null, if somebody else has, or it was never in. Its run is over.
  [[nodiscard]] bool leave(parked_place& place) noexcept;
  [[nodiscard]] parked_place* leave(const std::string& hash) noexcept;

  /// \errors  errc::no_such_token, errc::invalid_input: the decision is none for that stage, and the token stays good
  [[nodiscard]] result<void> decide(std::string_view token, decision d);
  [[nodiscard]] std::vector<parked_record> records() const;
  /// Whether a run has waited under this token and waits no longer, as far as that is remembered.
  [[nodiscard]] bool was_here(std::string_view token) const;

  void executor_gone() noexcept override;
  void drain_begins() noexcept override;

 private:
  enum class over : std::uint8_t { decided, timed_out, ended };
  struct entry {
    parked_place* place;
    parked_record record;
  };
  void take_out_locked(parked_place& place, over how) noexcept;
  [[nodiscard]] std::string why_not_locked(const std::string& hash) const;
  static void fire(timer_node& node, wake how);
  [[nodiscard]] bool take_if_due(parked_place& place, wake how) noexcept;

  const std::weak_ptr<runtime_state> runtime_;
  const std::size_t most_;
  const std::shared_ptr<parking_store> store_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, entry> places_;
  std::size_t taken_ = 0;  ///< places_ and those that are reserved
  std::unordered_map<std::string, over> over_;  ///< how the last ones ended
  std::deque<std::string> over_order_;
  bool closed_ = false;  ///< the runtime drains, or its executor is gone
};

}  // namespace catena
