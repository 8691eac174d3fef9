// SPDX-License-Identifier: BSL-1.0
#include "fake_streams.hpp"

#include <algorithm>
#include <iterator>
#include <thread>
#include <utility>

namespace catena::test {
namespace {

void merge(fake_progress& into, const fake_progress& from) {
  for (std::size_t i = 0; i < from.size(); ++i) into[i] = std::max(into[i], from[i]);
}

std::string stream_name(std::size_t stream) {
  return "stream " + std::to_string(stream % fake_streams::of_device) + " of device " + std::to_string(stream / fake_streams::of_device);
}

}  // namespace

fake_streams::fake_streams() : streams_(devices * of_device), host_(streams_.size()) {
  for (state& s : streams_) s.progress.resize(streams_.size());
}

std::uint64_t fake_streams::launch(std::size_t stream, std::string what, fake_clock::duration lasts, const std::vector<use>& uses) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t number = begin_locked(stream, std::move(what), lasts, uses);
  const fake_progress& before = streams_[stream].progress;
  for (const pending& p : pending_)
    if (p.number <= before[p.stream]) p.copy->touch_device();
  return number;
}

void fake_streams::launch_copy(std::size_t stream, std::string what, fake_clock::duration lasts, use of,
                               std::unique_ptr<fake_copy> copy) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t number = begin_locked(stream, std::move(what), lasts, {of});
  pending_.push_back({stream, number, streams_[stream].free_at, std::move(copy)});
}

std::uint64_t fake_streams::begin_locked(std::size_t stream, std::string what, fake_clock::duration lasts,
                                         const std::vector<use>& uses) {
  state& s = streams_[stream];
  merge(s.progress, host_);
  for (const use& u : uses) check_locked(stream, what, u);
  const std::uint64_t number = ++s.progress[stream];
  for (const use& u : uses) {
    u.memory->read.resize(streams_.size());
    if (!u.writes) {
      u.memory->read[stream] = number;
      continue;
    }
    u.memory->writer = stream;
    u.memory->written = number;
  }
  const auto begin = std::max(fake_clock::now(), s.free_at);
  s.free_at = begin + lasts;
  log_.push_back({static_cast<int>(stream / of_device), static_cast<std::int64_t>(stream % of_device), std::move(what), begin, s.free_at});
  return number;
}

void fake_streams::check_locked(std::size_t stream, const std::string& what, const use& u) {
  const fake_progress& before = streams_[stream].progress;
  const auto blame = [&](const std::string& other) {
    races_.push_back("'" + what + "' on " + stream_name(stream) + (u.writes ? " writes" : " reads") + " what " + other);
  };
  const fake_uses& memory = *u.memory;
  if (memory.written > before[memory.writer]) blame(stream_name(memory.writer) + " writes");
  if (!u.writes) return;
  for (std::size_t i = 0; i < memory.read.size(); ++i)
    if (memory.read[i] > before[i]) blame(stream_name(i) + " reads");
}

void fake_streams::give_back(const fake_uses& memory) {
  const std::lock_guard lock(mutex_);
  fake_progress known = streams_[memory.home].progress;
  merge(known, host_);
  for (std::size_t i = 0; i < streams_.size(); ++i) {
    const std::uint64_t read = i < memory.read.size() ? memory.read[i] : 0;
    const std::uint64_t last = i == memory.writer ? std::max(read, memory.written) : read;
    const bool is_recorded = i < memory.is_recorded.size() && memory.is_recorded[i];
    if (last > known[i] && !is_recorded)
      races_.push_back("memory of " + stream_name(memory.home) + " is given back while " + stream_name(i) + " uses it");
  }
}

void fake_streams::record_use(fake_uses& memory, std::size_t stream) {
  const std::lock_guard lock(mutex_);
  memory.is_recorded.resize(streams_.size());
  memory.is_recorded[stream] = true;
}

fake_streams::event fake_streams::record(std::size_t stream) {
  const std::lock_guard lock(mutex_);
  state& s = streams_[stream];
  merge(s.progress, host_);
  return {std::max(fake_clock::now(), s.free_at), s.progress};
}

void fake_streams::wait(std::size_t stream, const event& e) {
  const std::lock_guard lock(mutex_);
  state& s = streams_[stream];
  merge(s.progress, e.progress);
  s.free_at = std::max(s.free_at, e.fires_at);
}

bool fake_streams::is_done(const event& e) {
  const std::lock_guard lock(mutex_);
  const auto now = fake_clock::now();
  finish_due_locked(now);
  if (now < e.fires_at) return false;
  merge(host_, e.progress);
  return true;
}

bool fake_streams::is_idle(std::size_t stream) { return is_done(record(stream)); }

void fake_streams::synchronize(const event& e) {
  while (!is_done(e)) std::this_thread::sleep_until(e.fires_at);
}

void fake_streams::finish_due_locked(fake_clock::time_point now) {
  const auto due = std::ranges::stable_partition(pending_, [&](const pending& p) { return p.end > now; });
  std::ranges::stable_sort(due, {}, &pending::end);
  for (pending& p : due) p.copy->finish();
  pending_.erase(due.begin(), due.end());
}

std::vector<fake_work> fake_streams::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

std::vector<std::string> fake_streams::races() const {
  const std::lock_guard lock(mutex_);
  return races_;
}

void fake_streams::forget() {
  const std::lock_guard lock(mutex_);
  log_.clear();
  races_.clear();
}

void fake_streams::reset() {
  const std::lock_guard lock(mutex_);
  pending_.clear();
  for (state& s : streams_) {
    s.free_at = {};
    merge(host_, s.progress);
  }
}

}  // namespace catena::test
