// SPDX-License-Identifier: BSL-1.0
#include <catena/model/batcher.hpp>
#include <catena/runtime/ready_queue.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
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
  if (called) homeward.push_back(node);
  else owner->runtime()->ready->push(node);
}

void batch_place::send_abroad_locked(ready_node& node, const boost::asio::any_io_executor& to) {
  if (!called) return boost::asio::post(to, resumption(node));
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

}  // namespace catena::detail
