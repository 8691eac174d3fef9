// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The request queue in a few lines, for the real one to agree with.
#include <catena/schedule/request_queue.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

namespace catena::test {

/// What waits, in the order of coming.
using queued_requests = std::vector<queued_request*>;

struct plain_fifo {
  explicit plain_fifo(const request_queue_options&) {}
  queued_request* next(const queued_requests& all) { return all.front(); }
  time_point standing(const queued_requests& all) { return all.front()->arrival; }
  void came(queued_request&) {}
  void left(queued_request&, bool) {}
};

struct plain_deadline : plain_fifo {
  explicit plain_deadline(const request_queue_options& o) : plain_fifo(o), patience(4 * o.ageing) {}
  time_point due(const queued_request& r) {
    return r.deadline == no_deadline ? r.arrival + patience : r.deadline;
  }
  queued_request* next(const queued_requests& all) {
    return *std::min_element(all.begin(), all.end(), [&](auto* a, auto* b) { return due(*a) < due(*b); });
  }
  time_point standing(const queued_requests& all) { return next(all)->arrival; }
  duration patience;
};

/// Walks every round.
struct plain_fair : plain_fifo {
  explicit plain_fair(const request_queue_options& o) : plain_fifo(o), quantum(o.quantum) {}
  queued_request* next(const queued_requests&) {
    for (;;) {
      const std::uint64_t who = circle.front();
      if (!began) savings[who] += quantum;
      began = true;
      if (theirs[who].front()->cost <= savings[who]) return theirs[who].front();
      circle.push_back(who);
      circle.pop_front();
      began = false;
    }
  }
  void came(queued_request& r) {
    if (theirs[r.tenant].empty()) circle.push_back(r.tenant);
    theirs[r.tenant].push_back(&r);
  }
  void left(queued_request& r, bool served) {
    if (served) savings[r.tenant] -= r.cost;
    std::erase(theirs[r.tenant], &r);
    if (!theirs[r.tenant].empty()) return;
    if (circle.front() == r.tenant) began = false;
    std::erase(circle, r.tenant);
    savings[r.tenant] = 0;
  }
  std::uint32_t quantum;
  std::deque<std::uint64_t> circle;
  std::map<std::uint64_t, std::deque<queued_request*>> theirs;
  std::map<std::uint64_t, std::uint64_t> savings;
  bool began = false;
};

template <class Order>
struct plain_queue {
  struct plain_class {
    queued_requests all;
    Order order;
  };

  explicit plain_queue(const request_queue_options& o) : options(o) {
    for (int i = 0; i < 4; ++i) classes.push_back({{}, Order(o)});
  }

  plain_class& class_of(const queued_request& r) { return classes[static_cast<std::size_t>(r.priority)]; }
  queued_requests everybody() const {
    queued_requests all;
    for (const auto& c : classes) all.insert(all.end(), c.all.begin(), c.all.end());
    return all;
  }
  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const auto* r : everybody()) sum += r->bytes;
    return sum;
  }
  bool over() const {
    return everybody().size() > options.capacity || (options.max_bytes != 0 && bytes() > options.max_bytes);
  }

  bool remove(queued_request& r, bool served = false) {
    if (std::erase(class_of(r).all, &r) == 0) return false;
    class_of(r).order.left(r, served);
    return true;
  }

  /// What it evicts, in order; or that it refuses.
  std::pair<bool, queued_requests> push(queued_request& r) {
    const std::size_t limit = options.class_limits[static_cast<std::size_t>(r.priority)];
    if (limit != 0 && class_of(r).all.size() >= limit) return {false, {}};
    const plain_queue before = *this;
    class_of(r).all.push_back(&r);
    class_of(r).order.came(r);
    queued_requests evicted;
    while (over()) {
      const auto lowest = std::find_if(classes.begin(), classes.end(), [](auto& c) { return !c.all.empty(); });
      queued_request* victim = lowest->all.front();
      if (options.full == when_full::refuse_new || victim->priority >= r.priority) {
        *this = before;
        return {false, {}};
      }
      evicted.push_back(victim);
      remove(*victim);
    }
    return {true, evicted};
  }

  queued_request* pop() {
    plain_class* first = nullptr;
    time_point first_rank{};
    for (std::size_t i = classes.size(); i-- > 0;) {
      if (classes[i].all.empty()) continue;
      const time_point rank = classes[i].order.standing(classes[i].all) - i * options.ageing;
      if (first && rank >= first_rank) continue;
      first = &classes[i];
      first_rank = rank;
    }
    if (!first) return nullptr;
    queued_request* next = first->order.next(first->all);
    remove(*next, true);
    return next;
  }

  request_queue_options options;
  std::vector<plain_class> classes;
};

}  // namespace catena::test
