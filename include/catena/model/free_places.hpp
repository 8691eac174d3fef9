// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Which instances may be given a batch.
#include <catena/model/batch_place.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace catena::detail {

/// The places that have no batch. An instance with nothing under way is idle. One that may have several batches under way is
/// open for one ahead of its turn once its function has returned for the last.
/// \threads  unsafe
class free_places {
 public:
  static constexpr std::uint32_t anywhere = 0xffff'ffff;

  explicit free_places(std::size_t instances);

  void add(batch_place& place);
  /// Where an instance is.
  void locate(std::size_t instance, std::uint32_t locality) noexcept { seats_[instance].locality = locality; }

  [[nodiscard]] bool has_idle() const noexcept { return !idle_.empty(); }
  [[nodiscard]] bool has_open() const noexcept { return !open_.empty(); }
  /// No instance has a batch.
  [[nodiscard]] bool are_all_idle() const noexcept { return idle_.size() == seats_.size(); }

  /// Of the instance that was the last to become idle, because its caches are warm: one that is there, if any is.
  [[nodiscard]] batch_place& take_idle(std::uint32_t there = anywhere) noexcept { return take_from(idle_, there); }
  [[nodiscard]] batch_place& take_open(std::uint32_t there = anywhere) noexcept { return take_from(open_, there); }

  /// The function of its instance has returned, and its batch is done, or will be done later.
  void returned(const batch_place& place) noexcept;
  /// Its batch is done.
  void done(batch_place& place) noexcept;

 private:
  /// What an instance is offered for.
  enum class offer : std::uint8_t { nothing, next, now };
  struct seat {
    std::vector<batch_place*> free;
    std::size_t under_way = 0;
    std::uint32_t locality = anywhere;
    bool called = false;  ///< the function that was called last has not returned
    offer offered = offer::nothing;
  };

  [[nodiscard]] batch_place& take_from(std::vector<seat*>& offered, std::uint32_t there) noexcept;
  void make_offer(seat& of) noexcept;

  std::vector<seat> seats_;
  std::vector<seat*> idle_;
  std::vector<seat*> open_;
};

}  // namespace catena::detail
