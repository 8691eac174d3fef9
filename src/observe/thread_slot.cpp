// SPDX-License-Identifier: BSL-1.0
#include <catena/observe/thread_slot.hpp>

#include <bitset>
#include <mutex>

namespace catena::detail {
namespace {

/// Never destroyed: threads may end after everything else.
struct slots_in_use {
  std::mutex mutex;
  std::bitset<thread_slot::count> taken;

  [[nodiscard]] static slots_in_use& all() noexcept {
    static auto* const one = new slots_in_use;
    return *one;
  }
};

}  // namespace

/// Gives the number back when its thread ends. Whoever has it next sees what was counted under it.
class thread_slot::owner {
 public:
  owner() noexcept {
    auto& all = slots_in_use::all();
    const std::lock_guard lock(all.mutex);
    while (number_ != shared && all.taken[number_]) ++number_;
    all.taken[number_] = true;
    slot_ = static_cast<std::uint8_t>(number_ + 1);
  }
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;
  ~owner() {
    slot_ = shared + 1;  // for what this thread still counts
    if (number_ == shared) return;
    auto& all = slots_in_use::all();
    const std::lock_guard lock(all.mutex);
    all.taken[number_] = false;
  }

  [[nodiscard]] std::size_t number() const noexcept { return number_; }

 private:
  std::size_t number_ = 0;
};

std::size_t thread_slot::claim() noexcept {
  static thread_local const owner mine;
  return mine.number();
}

}  // namespace catena::detail
