// SPDX-License-Identifier: BSL-1.0
/// \file
/// The admission line: each request is decided once, in order and in time; with one bucket nobody waits for tokens that are
/// there, nor is admitted without; and when all have left, no token is missing.
#include <catena/schedule/admission_line.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "fuzz/plain_bucket.hpp"

namespace catena::fuzz::admission_line_target {

using namespace detail;

struct asked : admission_request {
  time_point came{};
  bool told = false;
};

class world {
 public:
  explicit world(input& in) : in_(in) {
    const std::size_t bucket_count = 1 + in.below(3);
    for (std::size_t i = 0; i < bucket_count; ++i) {
      const auto tokens = static_cast<std::int64_t>(1 + in.below(100));
      const auto capacity = static_cast<std::int64_t>(1 + in.below(20));
      buckets_.push_back(std::make_unique<admission_bucket>(
          "b", token_bucket_options{.refill = {.tokens = static_cast<double>(tokens), .per = std::chrono::milliseconds(1)}, .capacity = capacity}, now_));
      plain_.emplace_back(tokens, std::chrono::milliseconds(1), capacity, now_);
      line_.add(*buckets_.back());
    }
    for (std::size_t g = 0; g < 1 + in.below(3); ++g) add_group();
  }

  void run() {
    while (!in_.empty() && requests_.size() < 300) {
      switch (in_.below(6)) {
        case 0: leave(); break;
        case 1:
        case 2: pass_time(); break;
        default: enter();
      }
      collect();
      entering_ = nullptr;
    }
    for (auto& r : requests_) {
      if (!r.in_a_line) continue;
      require(line_.leave(r, now_));
      r.told = true;
      collect();
    }
    for (const auto& r : requests_) require(r.told);
    require(line_.next_moment() == no_deadline);
    for (const auto& g : groups_) require(g->line_size == 0 && g->highest_waiting() == 0);
    if (is_plain()) require(buckets_[0]->tokens.level(now_) == plain_[0].level());
  }

 private:
  [[nodiscard]] bool is_plain() const { return buckets_.size() == 1 && groups_.size() == 1; }

  void add_group() {
    auto& g = *groups_.emplace_back(std::make_unique<admission_group>());
    g.line_capacity = in_.below(12);
    g.most_cost = token_bucket::most_tokens;
    for (auto& b : buckets_) {
      if (!g.uses.empty() && in_.below(2)) continue;
      g.uses.push_back({b.get(), in_.below(4) ? charge::cost : charge::request});
      if (g.uses.back().by == charge::cost) g.most_cost = std::min(g.most_cost, b->tokens.capacity());
    }
    line_.add(g);
  }

  void enter() {
    asked& r = requests_.emplace_back();
    r.group = groups_[in_.below(groups_.size())].get();
    r.cost = static_cast<std::int64_t>(in_.below(22)) - 1;
    r.priority = static_cast<priority>(in_.below(4));
    r.came = now_;
    if (in_.below(2)) r.deadline = now_ + std::chrono::microseconds(in_.number(2));
    const std::size_t waited = r.group->line_size;
    entering_ = &r;
    line_.enter(r, now_);
    if (r.why.code == errc::queue_full) require(r.group->line_capacity != 0 && waited >= r.group->line_capacity);
  }
  void leave() {
    if (requests_.empty()) return;
    asked& r = requests_[in_.below(requests_.size())];
    const bool waited = r.in_a_line;
    require(line_.leave(r, now_) == waited);
    if (waited) r.told = true;
  }
  void pass_time() {
    const time_point next = line_.next_moment();
    now_ = next != no_deadline && in_.below(2) ? std::max(now_, next) : now_ + std::chrono::microseconds(in_.byte());
    for (auto& p : plain_) p.advance(now_);
    line_.advance(now_);
    require(line_.next_moment() > now_);
  }

  void collect() {
    for (admission_request* d = line_.take_decided(); d; d = d->next_decided) {
      auto& r = static_cast<asked&>(*d);
      require(!r.told && !r.in_a_line);
      r.told = true;
      if (r.admitted) admitted(r);
      else refused(r);
    }
    if (!is_plain()) return;
    const admission_group& g = *groups_[0];
    const admission_request* first = g.line.first();
    if (first) require(plain_[0].credit < g.uses[0].of(first->cost) * plain_[0].interval);
  }
  void admitted(asked& r) {
    require(r.cost >= 0 && r.cost <= r.group->most_cost);
    require(r.deadline > now_);
    // Nobody of its group who goes before it still waits, but one that came just now: whoever could be admitted, and had not
    // been told yet, was so before that one stood in line.
    if (const admission_request* first = r.group->line.first(); first && first != entering_)
      require(first->priority < r.priority || (first->priority == r.priority && (r.ticket == 0 || first->ticket > r.ticket)));
    if (is_plain()) require(plain_[0].try_take(r.group->uses[0].of(r.cost)));
  }
  void refused(const asked& r) {
    if (r.why.code == errc::invalid_input) require(r.cost < 0 || r.cost > r.group->most_cost);
    else if (r.why.code == errc::deadline_exceeded) require(r.deadline <= now_);
    else if (r.why.code == errc::not_admitted) require(r.group->line_capacity == 0 || (r.deadline != no_deadline && now_ + r.why.retry_after >= r.deadline));
    else require(r.why.code == errc::queue_full);
  }

  input& in_;
  time_point now_ = start;
  admission_line line_;
  std::vector<std::unique_ptr<admission_bucket>> buckets_;
  std::vector<plain_bucket> plain_;
  std::vector<std::unique_ptr<admission_group>> groups_;
  std::deque<asked> requests_;
  const admission_request* entering_ = nullptr;
};

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  world(in).run();
}

const target registered("admission_line", on_input);

}  // namespace catena::fuzz::admission_line_target
