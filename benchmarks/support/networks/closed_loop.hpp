// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Requests that are always in flight.
#include <chrono>
#include <cstddef>
#include <stdexcept>

#include "support/networks/served.hpp"

namespace bench {

/// Each answer submits the next request, until so many are submitted or so much time has passed. The submitter sleeps while there
/// is nothing to do, as a service would.
template <class Served>
class closed_loop {
 public:
  using clock = std::chrono::steady_clock;

  closed_loop(Served& model, std::size_t requests, clock::duration at_most)
      : model_(model), requests_(requests), until_(clock::now() + at_most) {}

  /// Returns how many requests were answered.
  std::size_t run(std::size_t in_flight) {
    for (std::size_t i = 0; i < in_flight; ++i) submit_next();
    model_.run();
    return submitted_;
  }

 private:
  void submit_next() {
    if (submitted_ == requests_ || clock::now() >= until_) return;
    model_.submit(submitted_++, [this](ending how) {
      if (how == ending::refused) throw std::logic_error("a closed loop was refused");
      submit_next();
    });
  }

  Served& model_;
  std::size_t requests_;
  clock::time_point until_;
  std::size_t submitted_ = 0;
};

}  // namespace bench
