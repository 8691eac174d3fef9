// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Which models are to be brought nearer, and which have to leave for them.
#include <catena/residency/residency_options.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace catena {

/// Keeps models within the budgets of their memories, the most valuable ones nearest.
///
/// Whoever is waited for longest is served first; what it lacks is taken from those of least value, which is
///
///     uses in a second * seconds to load it again / bytes it would free
///
/// A model in use is left alone until the one that waits has lost patience. One that a run will need soon, and is not waited
/// for yet, is brought near where only such leave for it as are worth less, and neither needed nor in use.
/// \threads  unsafe
/// \cost     a decision looks at every model once for each that must leave
/// \source   the value is GreedyDual-Size-Frequency's (Cherkasova 1998), with a rate that decays instead of its ageing term
class residency_book {
 public:
  using number = std::uint32_t;

  /// What a model holds at each level. Without `warm` it goes from its file to where it is computed, and back.
  struct footprint {
    std::vector<memory_use> warm = {};
    std::vector<memory_use> hot = {};
  };
  /// What becomes of a model while nobody looks.
  struct activity {
    bool in_use = false;          ///< it computes, or requests wait that it could answer now
    std::uint64_t use_count = 0;  ///< so far
    std::size_t needed_count = 0; ///< runs that have begun and may come to it
  };
  struct move {
    number of = 0;
    residency_level from = residency_level::cold;
    residency_level to = residency_level::hot;
    bool is_urgent = false;  ///< downward: also if it is in use
  };

  /// \errors std::invalid_argument, as check()
  explicit residency_book(residency_options options);

  /// A model that is cold.
  /// \errors std::invalid_argument: it needs more of a memory than there may be; the text names both
  [[nodiscard]] number add(const footprint& f, time_point now);
  /// It is gone, with all that it held.
  void remove(number n);

  /// Requests wait for it, until it is hot.
  void want(number n, time_point now);

  /// The next move to be made, which counts as begun; none: nothing can be done now. Ask until there is none.
  [[nodiscard]] std::optional<move> next(time_point now, const std::function<activity(number)>& activity_of);
  /// When a model in use may have to leave by time alone; no_deadline: never.
  [[nodiscard]] time_point look_again() const noexcept { return look_again_; }

  /// A move has been made.
  void moved(number n, time_point now);
  /// It was to be kept in host memory, which could not be done: it is cold.
  void went_cold(number n) { end(entries_[n], residency_level::cold); }
  /// It has not: the model is cold. It is tried again when it is wanted again.
  void failed(number n);
  /// It was to leave, and is in use again.
  void stays(number n) { end(entries_[n], entries_[n].level); }

  [[nodiscard]] residency_level level(number n) const noexcept { return entries_[n].level; }
  [[nodiscard]] bool is_moving(number n) const noexcept { return entries_[n].going.has_value(); }
  /// What is held of a memory, by moves that have begun as well.
  [[nodiscard]] std::size_t held(const std::string& memory) const noexcept;
  /// The same of every memory that has a budget or a model.
  [[nodiscard]] std::vector<memory_use> held() const;

 private:
  struct amount {
    std::size_t memory;  ///< its index
    std::size_t bytes;
  };
  struct budget {
    std::string memory;
    std::size_t bytes;  ///< most_bytes: no bound
    std::size_t held = 0;
    std::size_t leaving = 0;  ///< of what is held: about to be given back
  };
  struct entry {
    bool live = true;
    std::array<std::vector<amount>, 3> holds;  ///< at each level
    bool has_warm = false;
    residency_level level = residency_level::cold;
    std::optional<residency_level> going;
    time_point began{};                       ///< the move
    time_point wanted = no_deadline;          ///< since when it is waited for
    std::uint64_t uses = 0;
    double recent_uses = 0;                   ///< decayed
    time_point counted{};
    double load_seconds = 0;                  ///< of the last time; zero: unknown
    bool has_failed = false;                  ///< when it was to be loaded last: it is not tried again before it is wanted
    bool in_use = false;                      ///< when it was looked at last
    bool needed = false;                      ///< the same
  };
  enum class leave : std::uint8_t { idle, anyone };  ///< who may have to

  [[nodiscard]] std::size_t index_of(const std::string& memory);
  [[nodiscard]] std::vector<amount> amounts(const std::vector<memory_use>& uses);
  void check_fits(const std::vector<amount>& amounts) const;
  void look_at_all(time_point now, const std::function<activity(number)>& activity_of);
  [[nodiscard]] static std::size_t bytes_of(const std::vector<amount>& amounts, std::size_t memory) noexcept;
  /// What going up needs on top of what it holds.
  [[nodiscard]] std::size_t lacks(const entry& e, std::size_t memory) const noexcept;
  [[nodiscard]] bool fits(const entry& e) const noexcept;
  /// Whether it will fit when all that leave have left.
  [[nodiscard]] bool will_fit(const entry& e) const noexcept;
  [[nodiscard]] double value(const entry& e, std::size_t memory) const noexcept;
  [[nodiscard]] bool may_leave(const entry& e, const entry& for_it, std::size_t memory, leave who) const noexcept;
  [[nodiscard]] std::optional<number> victim(const entry& for_it, leave who) const noexcept;
  [[nodiscard]] residency_level level_below(const entry& e) const noexcept;
  [[nodiscard]] move begin(number n, residency_level to, time_point now);
  [[nodiscard]] std::optional<move> make_room(const entry& for_it, leave who, time_point now);
  void end(entry& e, residency_level at);
  void hold(const std::vector<amount>& before, const std::vector<amount>& after);

  static constexpr std::size_t most_bytes = ~std::size_t{0};
  residency_options options_;
  std::vector<budget> budgets_;
  std::vector<entry> entries_;
  time_point look_again_ = no_deadline;
};

}  // namespace catena
