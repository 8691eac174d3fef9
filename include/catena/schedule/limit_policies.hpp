// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Limit policies: a fixed number, one that keeps a latency, and one that finds where latency begins to rise.
#include <catena/schedule/gate_options.hpp>
#include <catena/schedule/latency_window.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace catena {

/// Always the same.
struct fixed_limit {
  std::size_t count = 64;  ///< at least 1
  [[nodiscard]] std::size_t limit() const noexcept { return count; }

  static constexpr std::array<std::string_view, 1> option_names{"count"};
  void get_options(gate_options& o) const noexcept { o.count = std::max<std::size_t>(count, 1); }
  void set_options(const gate_options& o) noexcept { count = o.count; }
};

/// What an adaptive limit moves between.
struct limit_range {
  std::size_t least = 1;    ///< 1 to most
  std::size_t most = 1024;  ///< up to 1048576
  std::size_t first = 16;   ///< before anything is known, least to most
};

/// \errors std::invalid_argument naming the member that is out of range, and the range
void check(const limit_range& range);

struct aimd_limit_options {
  duration target = std::chrono::milliseconds(100);  ///< what nine of ten are to take once let in, more than 0; the line comes on top
  limit_range range = {};
  double backoff = 0.9;  ///< what the limit is multiplied by when they take longer, 0.5 to 0.99
};

/// As many as are answered within a target: one more while they are, a tenth less when they are not.
///
/// It doubles until the target is missed for the first time. It judges by the slowest tenth of at least 16 requests, so one
/// slow answer changes nothing. Where the server joins requests into batches this is the one to use: latency rises there with
/// what is in flight long before there is overload, and only the user knows how much of it is fine.
/// \source  Chiu, Jain: Analysis of the Increase and Decrease Algorithms (1989); AIMDLimit of Netflix' concurrency-limits. That
///          one moves with each answer; this one once for each set of requests that began after its last move, as TCP does
class aimd_limit {
 public:
  /// \errors std::invalid_argument naming the member that is out of range, and the range
  explicit aimd_limit(const aimd_limit_options& options = {});

  [[nodiscard]] std::size_t limit() const noexcept { return static_cast<std::size_t>(limit_); }
  void ended(const ended_request& request, time_point now) noexcept;

  static constexpr std::array<std::string_view, 4> option_names{"least", "most", "target", "backoff"};
  void get_options(gate_options& o) const noexcept;
  /// What it has learnt stays, within the range.
  void set_options(const gate_options& o) noexcept;

 private:
  void move_to(double limit, time_point now) noexcept;

  aimd_limit_options options_;
  detail::latency_window window_;
  double limit_;
  bool missed_ = false;  ///< the target, at least once
};

struct gradient_limit_options {
  limit_range range = {};
  double tolerance = 1.25;  ///< how many times the latency without load is fine, 1 to 10
  duration probe_interval = std::chrono::seconds(30);  ///< how long the latency without load is believed, more than 0
};

/// As many as there may be before they only wait for each other: it lowers the limit as latency rises above what it is
/// without load, and needs no target.
///
/// That latency is measured now and then, and when the limit has halved, by lowering the limit step by step until fewer are
/// answered than before: until then the requests it keeps out would only have waited. A server of c places, each taking the time s, is given about
/// tolerance * c + sqrt(tolerance * c): all places are busy, and a request takes about 1.5 s at the most.
/// \source  Envoy's adaptive concurrency filter: limit = gradient * limit + sqrt(gradient * limit), gradient = tolerance *
///          latency without load / latency, median of a window. That one measures with 3 in flight, which costs a server of
///          many places its throughput meanwhile, and one that batches its reason to; raising only a limit that is used is
///          from Gradient2Limit of Netflix' concurrency-limits
class gradient_limit {
 public:
  /// \errors std::invalid_argument naming the member that is out of range, and the range
  explicit gradient_limit(const gradient_limit_options& options = {});

  [[nodiscard]] std::size_t limit() const noexcept { return static_cast<std::size_t>(limit_); }
  void ended(const ended_request& request, time_point now) noexcept;

  /// The latency without load, as far as it is known; zero before.
  [[nodiscard]] duration unloaded() const noexcept { return unloaded_; }

  static constexpr std::array<std::string_view, 4> option_names{"least", "most", "tolerance", "probe_interval"};
  void get_options(gate_options& o) const noexcept;
  /// What it has learnt stays, within the range.
  void set_options(const gate_options& o) noexcept;

 private:
  void follow(duration latency, time_point now) noexcept;
  void begin_probe(duration latency, time_point now) noexcept;
  void go_on_probing(duration latency, time_point now) noexcept;
  void believe(duration latency, time_point now) noexcept;
  void move_to(double limit, time_point now) noexcept;
  [[nodiscard]] bool is_probing() const noexcept { return top_limit_ > 0; }

  gradient_limit_options options_;
  detail::latency_window window_;
  double limit_;
  duration unloaded_{};
  time_point believed_until_ = time_point::min();
  double needed_ = 0;      ///< what kept all places busy when that was measured
  double top_limit_ = 0;   ///< where a probe began; zero: none is made
  duration top_latency_{};  ///< and what requests took there
};

}  // namespace catena
