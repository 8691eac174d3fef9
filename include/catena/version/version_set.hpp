// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Which version a run gets, and what becomes of a canary. Types are erased.
#include <catena/cache/key.hpp>
#include <catena/graph/need.hpp>
#include <catena/graph/plan.hpp>
#include <catena/runtime/state.hpp>
#include <catena/schedule/gate.hpp>
#include <catena/version/version_options.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace catena::detail {

/// How a request ended, as far as its version is to blame.
enum class version_end : std::uint8_t { answered, failed, ignored };
[[nodiscard]] version_end version_end_of(work_end how, const failure& why) noexcept;

/// One version: what runs, and how its requests ended. Runs that were given it keep it.
struct version {
  version(std::string text, graph::plan_ptr what) noexcept : name(std::move(text)), plan(std::move(what)) {}
  void count(version_end how) noexcept;

  const std::string name;
  const graph::plan_ptr plan;
  std::atomic<std::uint64_t> runs{0};
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> failed{0};
  std::atomic<std::uint64_t> ignored{0};
};

/// What a run's first request takes along, so that the canary is judged by it.
struct trial_ticket {
  std::uint32_t trial = 0;  ///< zero: there is no canary, or it is not the run's first request
  time_point began{};
};

class version_set;

/// A shadow's request under way; gives its place back.
class mirror_place {
 public:
  mirror_place(std::shared_ptr<version_set> set, std::shared_ptr<version> to, time_point deadline) noexcept;
  mirror_place(mirror_place&&) noexcept = default;
  mirror_place& operator=(mirror_place&&) = delete;
  ~mirror_place();

  [[nodiscard]] version_set& set() const noexcept { return *set_; }
  [[nodiscard]] version& to() const noexcept { return *to_; }
  [[nodiscard]] time_point deadline() const noexcept { return deadline_; }

 private:
  std::shared_ptr<version_set> set_;
  std::shared_ptr<version> to_;
  time_point deadline_;
};

/// The versions behind one name. A chain with versions needs what they need by then; what a run needs of them is known when it
/// has been given one.
/// \threads  safe; no version is destroyed under its lock, and nothing of the user's is called under it
/// \lifetime pinned by handles, by chains, by runs that were given a version, and by shadows' requests under way
class version_set final : public graph::need, public metric_source, public std::enable_shared_from_this<version_set> {
 public:
  /// \errors std::invalid_argument naming the option that is out of range
  version_set(std::shared_ptr<runtime_state> runtime, versions_options options);

  void add(std::string name, graph::plan_ptr plan);
  void remove(std::string_view name);
  void promote(std::string_view name);
  void begin_canary(std::string_view name, const canary_options& options);
  bool set_canary_share(double share);
  void end_canary();
  void mirror(std::string_view name, const shadow_options& options);
  void stop_mirroring();
  [[nodiscard]] versions_stats stats() const;
  void collect(metric_set& to) const override;

  [[nodiscard]] const std::string& name() const noexcept override { return options_.name; }
  [[nodiscard]] std::vector<graph::alternative> alternatives() const override;
  void bring(std::shared_ptr<arrival> to_tell) override;
  [[nodiscard]] const std::shared_ptr<runtime_state>& runtime() const noexcept { return runtime_; }

  // ---- for requests ----

  /// The version for a run that is known by this key; null: there is none that is stable.
  [[nodiscard]] std::shared_ptr<version> choose(const cache_key& who, trial_ticket& ticket);
  /// Why choose() has answered null.
  [[nodiscard]] failure has_none() const;
  /// A request has ended; a decision that this brings about is made, logged and told.
  void ended(version& v, version_end how, const trial_ticket& ticket) noexcept;

  [[nodiscard]] bool is_mirrored() const noexcept { return is_mirrored_.load(std::memory_order_relaxed); }
  /// A place for a copy of the request of run `id`; none: it is not in the share, or there is none left.
  [[nodiscard]] std::optional<mirror_place> mirror_request(std::uint64_t id);
  void count_unsent() noexcept { unsent_.fetch_add(1, std::memory_order_relaxed); }

 private:
  friend class mirror_place;

  /// A canary beside stable.
  struct trial {
    std::uint32_t number;
    double share;
    canary_rule_options options;
    canary_rule rule;
    key_space keys;  ///< so that each canary gets other runs
  };

  [[nodiscard]] const std::shared_ptr<version>& find_locked(std::string_view name) const;
  [[nodiscard]] version_label label_locked(const version& v) const noexcept;
  void begin_trial_locked(double share, const canary_rule_options& rule);
  void end_canary_locked() noexcept;
  void stop_mirroring_locked() noexcept;
  void promote_locked(std::shared_ptr<version> v);
  [[nodiscard]] std::optional<canary_decision> judge(const version& v, version_end how, const trial_ticket& ticket);
  void tell(const canary_decision& decision) const noexcept;
  [[nodiscard]] std::string says(std::string_view text) const;

  const std::shared_ptr<runtime_state> runtime_;
  const versions_options options_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<version>> versions_;
  std::shared_ptr<version> stable_;
  std::shared_ptr<version> canary_;
  std::shared_ptr<version> shadow_;
  std::optional<trial> trial_;  ///< while there is a canary
  std::uint32_t trial_count_ = 0;
  std::optional<canary_decision> last_decision_;
  shadow_options mirroring_;    ///< while there is a shadow
  std::optional<key_space> mirrored_keys_;
  std::atomic<bool> is_mirrored_{false};
  std::atomic<std::size_t> mirrors_in_flight_{0};
  std::atomic<std::uint64_t> unsent_{0};
};

}  // namespace catena::detail
