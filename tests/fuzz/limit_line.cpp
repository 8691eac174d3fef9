// SPDX-License-Identifier: BSL-1.0
/// \file
/// The line in front of a concurrency limit agrees with a sorted vector: who is let in, who is refused, who waits.
#include <catena/schedule/limit_line.hpp>
#include <catena/schedule/limit_policies.hpp>

#include <algorithm>
#include <deque>
#include <vector>

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::limit_line_target {

using namespace detail;

/// Follows what the fuzzer says.
struct told_limit {
  const std::size_t* now;
  [[nodiscard]] std::size_t limit() const { return *now; }
  void ended(const ended_request&, time_point) {}
};

struct asked : limit_request {
  bool told = false;
};

class world {
 public:
  explicit world(input& in) : in_(in), limit_(in.below(6)), capacity_(in.below(8)), line_(told_limit{&limit_}, capacity_) {}

  void run() {
    while (!in_.empty() && requests_.size() < 300) {
      switch (in_.below(6)) {
        case 0: leave(); break;
        case 1: pass_time(); break;
        case 2:
        case 3: end_one(); break;
        default: enter();
      }
      look();
    }
    for (auto& r : requests_)
      if (r.in_a_line) forget(r), require(line_.leave(r, now_)), r.told = true, look();
    for (const auto& r : requests_) require(r.told);
    require(line_.size() == 0 && line_.next_moment() == no_deadline && line_.places().highest_waiting == 0);
  }

 private:
  [[nodiscard]] std::size_t limit() const { return std::max<std::size_t>(limit_seen_, 1); }
  [[nodiscard]] bool is_late(const asked& r, duration wait = {}) {
    return r.deadline != no_deadline && now_ + wait + line_.places().enough() >= r.deadline;
  }
  void forget(asked& r) { std::erase(plain_, &r); }
  /// The last of equal priority is the last that came.
  void stand(asked& r) {
    plain_.insert(std::find_if(plain_.begin(), plain_.end(), [&](const asked* x) { return x->priority < r.priority; }), &r);
  }

  void enter() {
    asked& r = requests_.emplace_back();
    r.priority = static_cast<priority>(in_.below(4));
    if (in_.below(2)) r.deadline = now_ + std::chrono::microseconds(in_.number(2));
    const bool waits = !plain_.empty() && plain_.front()->priority >= r.priority;
    const bool late = r.deadline <= now_;
    const bool enters = !late && in_flight_ < limit() && !waits;
    const duration wait = line_.expected_wait(r.priority);
    asked* const last = plain_.empty() ? nullptr : plain_.back();
    line_.enter(r, now_);
    if (late) return expect(r, errc::deadline_exceeded);
    if (enters) return expect_in(r);
    if (capacity_ == 0 || is_late(r, wait)) return expect(r, errc::not_admitted);
    if (plain_.size() == capacity_ && last->priority >= r.priority) return expect(r, errc::queue_full);
    if (plain_.size() == capacity_) {
      forget(*last);
      expect(*last, errc::queue_full);
    }
    stand(r);
  }
  void expect(asked& r, errc code) {
    require(!r.let_in && !r.in_a_line && r.why.code == code);
    expected_.push_back(&r);
  }
  void expect_in(asked& r) {
    ++in_flight_;
    require(r.let_in && r.entered == now_);
    expected_.push_back(&r);
  }
  void leave() {
    if (requests_.empty()) return;
    asked& r = requests_[in_.below(requests_.size())];
    const bool waited = std::count(plain_.begin(), plain_.end(), &r) != 0;
    forget(r);
    require(line_.leave(r, now_) == waited);
    if (waited) r.told = true;
  }
  void end_one() {
    if (in_flight_ == 0) return;
    const ended_request r{.latency = in_.span(), .outcome = static_cast<request_outcome>(in_.below(3)), .in_flight = in_flight_};
    limit_ = in_.below(4) ? limit_ : in_.below(6);
    line_.places().note(r);
    --in_flight_;
    limit_seen_ = limit_;
    line_.ended(r, now_);
  }
  void pass_time() {
    const time_point next = line_.next_moment();
    now_ = next != no_deadline && in_.below(2) ? std::max(now_, next) : now_ + std::chrono::microseconds(in_.byte());
    line_.advance(now_);
    require(line_.next_moment() > now_);
    // Who is late by what was forecast when it came has been looked at; who is late only now is found when it is first.
    for (std::size_t i = 0; i < plain_.size();) {
      if (plain_[i]->in_a_line) ++i;
      else if (plain_[i]->let_in) break;
      else require(is_late(*plain_[i])), late_.push_back(plain_[i]), plain_.erase(plain_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  /// Lets in and refuses from the front as the line should have, and compares.
  void look() {
    while (!plain_.empty()) {
      asked& first = *plain_.front();
      if (is_late(first)) {
        plain_.erase(plain_.begin());
        late_.push_back(&first);
      } else if (in_flight_ < limit()) {
        plain_.erase(plain_.begin());
        expect_in(first);
      } else {
        break;
      }
    }
    for (limit_request* d = line_.take_decided(); d; d = d->next_decided) {
      auto& r = static_cast<asked&>(*d);
      require(!r.told && !r.in_a_line);
      r.told = true;
      const bool was_late = std::erase(late_, &r) != 0;
      if (was_late) require(r.why.code == (r.deadline <= now_ ? errc::deadline_exceeded : errc::not_admitted));
      else require(std::erase(expected_, &r) == 1);
    }
    require(late_.empty() && expected_.empty());
    require(line_.places().in_flight == in_flight_);
    require(line_.size() == plain_.size() && line_.size() <= capacity_);
    for (const asked* r : plain_) require(r->in_a_line && (r->deadline == no_deadline || r->deadline > now_ || is_late(*r)));
  }

  input& in_;
  time_point now_ = start;
  std::size_t limit_;
  std::size_t limit_seen_ = limit_;
  std::size_t capacity_;
  limit_line line_;
  std::size_t in_flight_ = 0;
  std::deque<asked> requests_;
  std::vector<asked*> plain_;     ///< who waits, first the one that is let in first
  std::vector<asked*> expected_;  ///< decided otherwise, and not told yet
  std::vector<asked*> late_;
};

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, std::min<std::size_t>(size, 2000));
  world(in).run();
}

const target registered("limit_line", on_input);

}  // namespace catena::fuzz::limit_line_target
