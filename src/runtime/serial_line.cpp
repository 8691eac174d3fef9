// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/serial_line.hpp>

#include <memory>
#include <mutex>
#include <utility>

namespace catena {
namespace {

struct nobody {
  void operator()(boost::asio::cancellation_type) const noexcept {}
};

}  // namespace

void intrusive_ptr_release(serial_line* line) noexcept {
  if (line->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const auto from = std::move(line->from_);
  if (!from || !from->keep(*line)) delete line;
}

serial_line_ptr serial_lines::take(const home_executor& executor) {
  serial_line* found = nullptr;
  {
    std::lock_guard lock(lock_);
    if (free_) {
      found = std::exchange(free_, free_->next_);
      --kept_;
    }
  }
  if (!found) {
    auto made = std::make_unique<serial_line>();
    if (!executor.is_serial()) made->strand = executor.make_strand();
    found = made.release();
  }
  found->from_ = this;
  return serial_line_ptr(found);
}

bool serial_lines::keep(serial_line& line) noexcept {
  if (line.told) return false;
  // What was connected goes now, and its memory stays for what is connected next.
  if (auto slot = line.signal.slot(); slot.has_handler()) slot.emplace<nobody>();
  std::lock_guard lock(lock_);
  if (closed_ || kept_ == max_kept) return false;
  line.next_ = std::exchange(free_, &line);
  ++kept_;
  return true;
}

void serial_lines::close() noexcept {
  serial_line* line = nullptr;
  {
    std::lock_guard lock(lock_);
    closed_ = true;
    kept_ = 0;
    line = std::exchange(free_, nullptr);
  }
  while (line) delete std::exchange(line, line->next_);
}

}  // namespace catena
