// SPDX-License-Identifier: BSL-1.0
#include <catena/model/batcher.hpp>
#include <catena/runtime/ready_queue.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

namespace catena::detail {

pending_request* batch_place::take_locked(std::size_t i) noexcept {
  if (i < size && rows[first + i]) return std::exchange(rows[first + i], nullptr);
  if (i < size) owner->log(log_level::warning, "row " + std::to_string(i) + " was answered twice; the second answer is dropped");
  else owner->log(log_level::warning, "row " + std::to_string(i) + " was answered in a batch of " + std::to_string(size));
  return nullptr;
}

void batch_place::send_home_locked(ready_node& node) noexcept {
  if (called || gathers) homeward.push_back(node);
  else owner->runtime()->ready->push(node);
}

void batch_place::send_abroad_locked(ready_node& node, const boost::asio::any_io_executor& to) {
  if (!called && !gathers) return boost::asio::post(to, resumption(node));
  const auto known = std::ranges::find(abroad, to, &journey::executor);
  journey& there = known != abroad.end() ? *known : abroad.emplace_back(to);
  there.answers.push_back(node);
}

namespace {

/// Wakes the executor once, however many they are.
void travel(journey& to) noexcept {
  try {
    if (to.answers.size() == 1) boost::asio::post(to.executor, resumption(*to.answers.pop_front()));
    else std::make_shared<ready_queue>(to.executor)->push(std::move(to.answers));
  } catch (...) {
    to.answers.abandon();  // one that the executor would not take has been abandoned already
  }
}

}  // namespace

void batch_place::hand_over() noexcept {
  ready_list on, home;
  std::vector<journey> away;
  {
    const std::lock_guard lock(mutex);
    if (onward.empty() && homeward.empty() && abroad.empty()) return;
    on.append(std::move(onward));
    home.append(std::move(homeward));
    away = std::move(abroad);
    handing_over.fetch_add(1, std::memory_order_relaxed);
  }
  while (!on.empty()) {
    ready_node* node = on.pop_front();
    node->resume(*node, wake::resumed);
  }
  if (!home.empty()) owner->runtime()->ready->push(std::move(home));
  for (journey& one : away) travel(one);
  handing_over.fetch_sub(1, std::memory_order_release);
}

std::size_t batch_place::close_ranks_locked() noexcept {
  const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = begin + static_cast<std::ptrdiff_t>(size);
  const auto moved = std::remove(begin, end, nullptr);
  std::fill(moved, end, nullptr);
  return static_cast<std::size_t>(moved - begin);
}

// ---- a batch, from when it is formed until it is done ------------------------------------------------------------------------

void batch_place::run_job(compute_job& job) noexcept {
  auto& place = static_cast<batch_place&>(job);
  const bool begins = place.size == 0;
  if (begins && !place.owner->form(place)) return place.owner->done(place, begins);
  const auto pinned = place.pin;  // a part that is done later may be done right now
  while (place.compute_part())
    if (!place.next_part()) return place.owner->done(place, begins);
  if (begins) pinned->returned(place);
}

/// False if it will be done later.
bool batch_place::compute_part() noexcept {
  owner->compute(*this);
  std::unique_lock lock(mutex);
  called = false;
  const bool later = open;
  lock.unlock();
  hand_over();
  return !later;
}

/// What threw is split or fails. True if a part of it is to be computed again, and is the batch now.
bool batch_place::next_part() noexcept {
  if (thrown) {
    std::unique_lock lock(mutex);
    const bisection::part threw{first, close_ranks_locked()};
    lock.unlock();
    const failure why = *std::exchange(thrown, std::nullopt);
    if (owner->options().effects != effects::pure || !repeats.split(threw)) {
      owner->log(log_level::warning, why.message());
      fail_rows(threw.first, threw.count, why);
    }
  }
  const auto part = repeats.next();
  if (!part) return false;
  if (!owner->count_repeat(part->count)) {
    fail_rows(0, rows.size(), failure(errc::cancelled, owner->says("its executor is gone")));
    return false;
  }
  const std::lock_guard lock(mutex);
  first = part->first;
  size = part->count;
  open = called = true;
  return true;
}

void batch_place::fail_rows(std::size_t from, std::size_t count, const failure& why) noexcept {
  std::unique_lock lock(mutex);
  for (pending_request*& row : std::span(rows).subspan(from, count))
    if (pending_request* r = std::exchange(row, nullptr)) owner->operations().fail(*this, *r, why);
  lock.unlock();
  hand_over();
}

void batch_place::note_computing() noexcept {
  if (!owner->runtime()->tracer) return;
  const std::lock_guard lock(mutex);
  if (!traced) return;
  traced->computed.store(0, std::memory_order_relaxed);  // it is computed again, in parts
  if (traced->computing.load(std::memory_order_relaxed) != 0) return;
  traced->computing.store(owner->runtime()->time->now().time_since_epoch().count(), std::memory_order_release);
}

void batch_place::note_computed() noexcept {
  if (!owner->runtime()->tracer) return;
  const std::lock_guard lock(mutex);
  if (traced) traced->computed.store(owner->runtime()->time->now().time_since_epoch().count(), std::memory_order_release);
}

void batch_place::threw(std::exception_ptr cause) noexcept {
  failure why = failure::from(std::move(cause));
  if (why.is(errc::stage_failed)) why = failure(errc::model_failed, owner->says(why.message())).with_cause(why.cause());
  failed = true;
  thrown = std::move(why);
}

void batch_place::finish() noexcept {
  bool goes_on = false;
  std::shared_ptr<batcher> pinned;  // if run_job goes on, it may be done before this is
  {
    const std::lock_guard lock(mutex);
    pinned = pin;
    if (!thrown) fail_unanswered_locked();
    open = false;
    goes_on = called;
  }
  hand_over();
  if (goes_on) return;
  if (next_part()) pinned->runtime()->compute.submit(*this);
  else pinned->done(*this, false);
}

void batch_place::fail_unanswered_locked() noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    pending_request* r = std::exchange(rows[first + i], nullptr);
    if (!r) continue;
    owner->operations().fail(*this, *r, failure(errc::row_unanswered,
                                                owner->says("the batch ended without an answer for row " + std::to_string(i) +
                                                            " of " + std::to_string(size))));
  }
}

}  // namespace catena::detail
