// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A model with a measured cost curve, asked for more than it can compute, through the public interface in a manual world.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/testing/manual_world.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "schedule/batching_simulation.hpp"

namespace catena::test {

/// Computes batches in virtual time: what each costs wobbles around its curve.
class slow_instance {
 public:
  slow_instance(const runtime& rt, const cost_curve& curve, double noise, std::uint64_t seed)
      : shared_(std::make_shared<state>(state{rt, curve, noise, std::mt19937_64(seed)})) {}

  void operator()(batch<int, int>& b) {
    state& s = *shared_;
    const double wobble = std::normal_distribution<double>(1, s.noise)(s.random);
    const auto cost = std::chrono::duration<double, std::micro>(s.curve.us(b.size()) * std::max(0.5, wobble));
    const time_point ready = s.rt.now() + std::chrono::duration_cast<duration>(cost);
    s.rt.async_wait_until(ready, [later = std::move(b)](boost::system::error_code) mutable {
      for (std::size_t i = 0; i < later.size(); ++i) later.answer(i, later.input(i));
      later.done();
    });
  }

 private:
  struct state {
    runtime rt;
    cost_curve curve;
    double noise;
    std::mt19937_64 random;
  };
  std::shared_ptr<state> shared_;
};

struct flood {
  double per_second = 3200;
  duration lasts = std::chrono::minutes(1);
  std::uint64_t seed = 1;
};

/// What became of the requests of a flood.
struct flood_course {
  std::vector<std::uint8_t> ends;         ///< how often each request ended
  std::size_t in_time = 0;                ///< answered before their deadline
  std::size_t late = 0;                   ///< answered, and nobody wanted it any more
  std::array<std::size_t, 4> asked{};     ///< by priority
  std::array<std::size_t, 4> answered{};  ///< in time
  std::size_t deepest_queue = 0;
  std::uint64_t most_live_runs = 0;
  duration longest{};                     ///< that an answer in time took
  std::uint64_t trace = 14695981039346656037U;  ///< a hash of who ended when and how

  void note(std::uint64_t x) noexcept {
    for (int i = 0; i < 8; ++i, x >>= 8) trace = (trace ^ (x & 255)) * 1099511628211U;
  }
};

/// Requests come at random moments, of all priorities, and give up after 0.3 to 2 seconds, a few never.
template <class Callable, class Model>
flood_course run_flood(testing::manual_world& world, const runtime& rt, const Callable& asked, const Model& model, const flood& f) {
  using std::chrono::milliseconds;
  constexpr std::array patience{milliseconds(300), milliseconds(500), milliseconds(1000), milliseconds(2000)};
  flood_course course;
  std::mt19937_64 random(f.seed);
  std::exponential_distribution<double> gap_ns(f.per_second / 1e9);
  course.ends.reserve(static_cast<std::size_t>(f.per_second * std::chrono::duration<double>(f.lasts).count() * 1.01));
  const time_point end = world.now() + f.lasts;
  while (world.now() < end) {
    world.advance(duration(static_cast<duration::rep>(gap_ns(random))));
    const std::size_t id = course.ends.size();
    course.ends.push_back(0);
    const std::uint64_t draw = random();
    const auto p = static_cast<priority>(draw % 4);
    const time_point came = world.now();
    const time_point deadline = draw / 4 % 20 == 0 ? no_deadline : came + patience[draw / 80 % 4];
    ++course.asked[static_cast<std::size_t>(p)];
    asked.async_run(static_cast<int>(id), run_options{.deadline = deadline, .priority = p}, [&, id, p, came, deadline](result<int> r) {
      ++course.ends[id];
      const time_point now = world.now();
      course.note(id);
      course.note(static_cast<std::uint64_t>(now.time_since_epoch().count()));
      course.note(static_cast<std::uint64_t>(r.has_value() ? 0 : r.error().code().value()));
      if (!r) return;
      if (now > deadline) return (void)++course.late;
      ++course.in_time;
      ++course.answered[static_cast<std::size_t>(p)];
      course.longest = std::max(course.longest, now - came);
    });
    if (id % 16 == 0) course.deepest_queue = std::max(course.deepest_queue, model.stats().queue_depth);
    course.most_live_runs = std::max(course.most_live_runs, rt.state()->live_run_count());
  }
  world.run();
  return course;
}

}  // namespace catena::test
