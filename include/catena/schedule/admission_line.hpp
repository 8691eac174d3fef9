// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who is admitted when: several token buckets at once, and those who wait for them. A policy: no lock and no clock inside.
#include <catena/runtime/timer_heap.hpp>
#include <catena/schedule/decided_list.hpp>
#include <catena/schedule/refusal.hpp>
#include <catena/schedule/token_bucket.hpp>
#include <catena/schedule/waiting_list.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace catena {

/// What a bucket counts of a request.
enum class charge : std::uint8_t {
  cost,    ///< its cost: tokens, rows, bytes
  request, ///< one, whatever it costs
};

namespace detail {

struct admission_group;

/// One who wants to be admitted, a part of whatever asks. While it waits it stays where it is.
struct admission_request : timer_node {
  list_hook<admission_request> in_line;    ///< of its group
  list_hook<admission_request> at_bucket;  ///< among the first of their lines, while it is one
  admission_group* group = nullptr;
  std::int64_t cost = 0;
  std::uint64_t ticket = 0;
  time_point deadline = no_deadline;
  catena::priority priority = priority::normal;
  std::uint8_t held = 0;            ///< a bit for each of the group's buckets whose tokens it has taken
  std::uint8_t waits_at = nowhere;  ///< the index of the group's bucket whose tokens it takes next
  bool in_a_line = false;
  bool admitted = false;            ///< the decision, once it is made: this or `why`
  refusal why{};
  admission_request* next_decided = nullptr;
  // For the driver: what to do when it is decided, and when its executor is gone before that.
  void (*decided)(admission_request&) = nullptr;
  void (*abandon)(admission_request&) noexcept = nullptr;

  static constexpr std::uint8_t nowhere = 255;
};

/// A bucket, and who waits for it: the first of each line that lacks its tokens.
struct admission_bucket {
  admission_bucket(std::string called, const token_bucket_options& options, time_point now)
      : name(std::move(called)), tokens(options, now) {}

  const std::string name;
  token_bucket tokens;
  std::atomic<std::uint8_t> highest_waiting{0};  ///< 1 + the highest priority in `waiting`, 0 if nobody waits
  // From here on guarded by whoever guards the line.
  waiting_list<admission_request, &admission_request::at_bucket> waiting;
  std::array<std::int64_t, 4> waiting_cost{};    ///< of those in `waiting`, by priority
  std::uint64_t id = 0;
  admission_bucket* next_changed = nullptr;
  bool changed = false;
};

struct bucket_use {
  admission_bucket* bucket = nullptr;
  charge by = charge::cost;
  [[nodiscard]] std::int64_t of(std::int64_t cost) const noexcept { return by == charge::cost ? cost : 1; }
};

/// Buckets that are taken from together, in the order of their ids, and the line in front of them.
struct admission_group {
  static constexpr std::size_t most_buckets = 8;

  /// Takes from all buckets and returns `now`, or from none: then it returns the latest of the moments at which they will
  /// have enough. Those who wait for one of several buckets must then look again: what was rolled back was missing meanwhile.
  /// \threads safe
  [[nodiscard]] time_point try_take(std::int64_t cost, time_point now) const noexcept {
    for (std::size_t i = 0; i < uses.size(); ++i) {
      const time_point moment = uses[i].bucket->tokens.try_take(uses[i].of(cost), now);
      if (moment > now) return uses.size() == 1 ? moment : roll_back(i, moment, cost, now);
    }
    return now;
  }

  /// 1 + the highest priority of those who wait for one of the buckets, 0 if nobody does: a request of a priority below
  /// that must not overtake them.
  [[nodiscard]] std::uint8_t highest_waiting() const noexcept {
    std::uint8_t highest = 0;
    for (const bucket_use& use : uses) highest = std::max(highest, use.bucket->highest_waiting.load());
    return highest;
  }

  /// What is given back, or taken on top, when the cost turns out to be another.
  void settle(std::int64_t estimate, std::int64_t cost, time_point now) const noexcept;
  /// The request never began.
  void refund(std::int64_t cost) const noexcept;

  std::vector<bucket_use> uses;  ///< by id, so that two groups never take from the same buckets in opposite orders
  std::int64_t most_cost = 0;    ///< what the smallest bucket holds
  std::atomic<std::size_t> line_capacity{0};  ///< changed by whoever guards the line
  // From here on guarded by whoever guards the line.
  waiting_list<admission_request, &admission_request::in_line> line;
  std::array<std::int64_t, 4> line_cost{};    ///< of those in the line, by priority
  std::array<std::int64_t, 4> line_count{};
  std::size_t line_size = 0;
  admission_request* front = nullptr;         ///< the one that waits at a bucket
  time_point front_moment{};                  ///< when it can be admitted, as far as is known

 private:
  /// Bucket i has refused until `moment`.
  [[nodiscard]] time_point roll_back(std::size_t i, time_point moment, std::int64_t cost, time_point now) const noexcept;
};

/// The lines of all groups that share buckets.
///
/// Only the first of a line deals with buckets. It waits at one at a time, the one that will be short for the longest; there
/// nobody of its priority who came later, of whatever group, goes before it. It takes that bucket's tokens when they are
/// there, keeps them, and waits for what is then missing. So it never holds back others by more than its own cost, nobody
/// starves, and whoever waits for its tenant's tokens does not wait with the model's in hand. A higher priority that comes
/// into the same line makes it put everything back. Each bucket grants within its rate and capacity; with several of them a
/// request may be admitted a little after one of them granted its tokens.
///
/// A request that cannot be admitted before its deadline is refused when that shows: on arrival behind those it can see,
/// which is exact for one bucket and never too strict for several; when it is first and its moment changes; when a rate does.
/// \threads  unsafe, but for the buckets' tokens and `highest_waiting`, which others may touch at any time
/// \cost     O(log n) per request, n: who waits; no allocation. O(n) per change of rate
class admission_line {
 public:
  using request = admission_request;

  /// Decides the request, or lets it wait.
  void enter(admission_request& r, time_point now) noexcept;
  /// Takes out one that waits, undecided, and gives back what it held; false if it does not wait.
  [[nodiscard]] bool leave(admission_request& r, time_point now) noexcept;
  /// Time has passed.
  void advance(time_point now) noexcept;
  /// Tokens were put back, or taken on top.
  void tokens_changed(admission_bucket& bucket, time_point now) noexcept;
  void tokens_changed(const admission_group& group, time_point now) noexcept;
  void rate_changed(admission_bucket& bucket, time_point now) noexcept;

  /// When advance() is next needed; no_deadline if it is not.
  [[nodiscard]] time_point next_moment() const noexcept { return moments_.earliest(); }
  /// Who was decided since, in that order, linked by next_decided; to be told by the caller.
  [[nodiscard]] admission_request* take_decided() noexcept { return decided_.take(); }
  /// Takes out all that wait, undecided, linked by next_decided.
  [[nodiscard]] admission_request* take_all() noexcept;

  /// When a request could be admitted that arrives now; see the class about its precision.
  [[nodiscard]] static time_point expected(const admission_group& group, std::int64_t cost, priority p, time_point now) noexcept;

  // Groups and buckets are known to the line while they exist.
  void add(admission_bucket& bucket) noexcept { bucket.id = ++last_id_; }
  void add(admission_group& group) { groups_.push_back(&group); }
  void remove(admission_group& group) noexcept { std::erase(groups_, &group); }

 private:
  struct cost_ahead;

  void join(admission_request& r) noexcept;
  /// Takes r out of its line; what it holds stays with it.
  void take_out(admission_request& r) noexcept;
  /// The same, and puts back what it holds.
  void drop(admission_request& r) noexcept;
  void put_back(admission_request& r) noexcept;
  void admit(admission_request& r) noexcept;
  void refuse(admission_request& r, refusal why) noexcept;

  void look_at_changed(time_point now) noexcept;
  void look_at_front(admission_group& group, time_point now) noexcept;
  [[nodiscard]] time_point claim(admission_request& r, time_point now) noexcept;
  [[nodiscard]] bool take_rest(admission_request& r, time_point now) noexcept;
  void wait_at(admission_request& r, std::uint8_t index) noexcept;
  void stop_waiting(admission_request& r) noexcept;
  void mark_changed(admission_bucket& bucket) noexcept;
  void set_moment(admission_request& r, time_point when) noexcept;
  void refuse_late(admission_group& group, time_point now) noexcept;
  [[nodiscard]] static time_point expected(const admission_group& group, const cost_ahead& with_own, priority p,
                                           time_point now) noexcept;

  timer_heap moments_;  ///< of the requests that wait: the deadline, or when to look at it if that is earlier
  admission_bucket* changed_ = nullptr;
  decided_list<admission_request> decided_;
  std::vector<admission_group*> groups_;
  std::uint64_t last_ticket_ = 0;
  std::uint64_t last_id_ = 0;
};

}  // namespace detail
}  // namespace catena
