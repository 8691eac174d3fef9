// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Values that count how they are made, copied and destroyed.
#include <utility>

namespace catena::test {

struct ledger {
  int made = 0;    ///< objects made of a number, neither copied nor moved
  int alive = 0;   ///< objects, moved-from ones included
  int owners = 0;  ///< objects that have not been moved from
  int copies = 0;
  int moves = 0;
};

/// A move-only value without a default constructor.
class tracked {
 public:
  tracked(int v, ledger& l) noexcept : value(v), ledger_(&l), owns_(true) { ++l.made, ++l.alive, ++l.owners; }
  tracked(tracked&& other) noexcept : value(other.value), ledger_(other.ledger_), owns_(std::exchange(other.owns_, false)) {
    ++ledger_->alive, ++ledger_->moves;
  }
  tracked& operator=(tracked&& other) noexcept {
    drop();
    value = other.value;
    ledger_ = other.ledger_;
    owns_ = std::exchange(other.owns_, false);
    ++ledger_->moves;
    return *this;
  }
  ~tracked() {
    drop();
    --ledger_->alive;
  }

  [[nodiscard]] bool owns() const noexcept { return owns_; }
  [[nodiscard]] ledger& book() const noexcept { return *ledger_; }
  int value;

 private:
  void drop() noexcept {
    if (std::exchange(owns_, false)) --ledger_->owners;
  }
  ledger* ledger_;
  bool owns_;
};

/// The same, copyable: a copy shows in the ledger.
class copied : public tracked {
 public:
  using tracked::tracked;
  copied(copied&&) = default;
  copied& operator=(copied&&) = default;
  copied(const copied& other) noexcept : tracked(other.value, other.book()) { ++book().copies; }
  copied& operator=(const copied& other) noexcept { return *this = copied(other); }
};

}  // namespace catena::test
