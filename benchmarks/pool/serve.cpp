// SPDX-License-Identifier: BSL-1.0
// What loading a large model costs another one that serves: its p99 at 70 % load while a model of 500 MB is loaded and another one
// put away every 100 ms, or as often as that can be done, by its p99 without. Poisson arrivals on an absolute schedule; latencies
// count from there.
//
// `catena` loads as a residency with room for one of two models does, which are asked in turns. `jit_thread` is what a service does
// by hand: a thread of its own that calls torch::jit::load.
#include <catena/chain.hpp>
#include <catena/torch/script_model.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cases.hpp"
#include "loader.hpp"
#include "model_folder.hpp"

namespace pool {
namespace {

using clock = std::chrono::steady_clock;
using values = std::vector<float>;
using script_model = catena::torch::script_model<values, float>;

const auto encode = [](const values& from, catena::torch::row& to) { to.assign<float>(std::span(from)); };
const auto decode = [](const catena::torch::row& from) { return from.values()[0]; };

/// The one that serves, one request at a time.
class served_model {
 public:
  static constexpr std::int64_t width = 512;

  served_model() : model_(rt_, options(), encode, decode) {}

  /// Serves so many requests at a share of what it can, and adds how long they took, in microseconds.
  void serve(std::size_t requests, double share, unsigned seed, std::vector<double>& latencies) {
    std::mt19937_64 random(seed);
    std::exponential_distribution<double> gap(share / seconds_each());
    const std::size_t end = latencies.size() + requests;
    clock::time_point due = clock::now();
    std::size_t submitted = 0;
    while (latencies.size() < end) {
      if (submitted < requests && clock::now() >= due) {
        model_.async_run(question_, [&latencies, due](const catena::result<float>&) {
          latencies.push_back(std::chrono::duration<double, std::micro>(clock::now() - due).count());
        });
        ++submitted;
        due += std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(gap(random)));
      }
      io_.restart();
      if (submitted < requests) io_.run_until(due);
      else io_.run_one();
    }
  }
  /// Serves others, and nobody asks.
  void serve_until(clock::time_point end) {
    io_.restart();
    io_.run_until(end);
  }
  [[nodiscard]] const catena::runtime& rt() const noexcept { return rt_; }
  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }

 private:
  static catena::torch::script_options options() {
    std::string text = "def forward(self, x: Tensor) -> Tensor:\n    w = torch.ones([512, 512])\n";
    for (int layer = 0; layer < 8; ++layer) text += "    x = torch.relu(torch.linear(x, w))\n";
    catena::torch::script_options o{.name = "served", .source = text + "    return x.sum(1, keepdim=True)\n", .input = {.shape = {width}}};
    o.batch.max_size = 1;
    return o;
  }
  double seconds_each() {
    if (seconds_each_ != 0) return seconds_each_;
    constexpr int count = 200;
    const clock::time_point began = clock::now();
    for (int i = 0; i < count; ++i) {
      model_.async_run(question_, [](const catena::result<float>&) {});
      io_.restart();
      io_.run();
    }
    return seconds_each_ = std::chrono::duration<double>(clock::now() - began).count() / count;
  }

  boost::asio::io_context io_{1};
  catena::runtime rt_{io_.get_executor()};
  values question_ = values(width, 1.0F);
  script_model model_;
  double seconds_each_ = 0;
};

constexpr std::chrono::milliseconds between_loads{100};

/// Keeps a model being loaded while it lives.
class loading_all_the_time {
 public:
  virtual ~loading_all_the_time() = default;
  [[nodiscard]] virtual std::size_t load_count() const = 0;
};

/// On the runtime that serves, as a service does it.
class loading_by_catena final : public loading_all_the_time {
 public:
  loading_by_catena(served_model& serving, const std::string& file, std::int64_t width, catena::torch::loading how)
      : io_(serving.io()), memory_(serving.rt(), {.budgets = {{"cpu", std::filesystem::file_size(file) * 3 / 2}}}) {
    for (const char* name : {"one", "other"}) {
      catena::torch::script_options o{.name = name, .file = file, .input = {.shape = {width}}, .load = how};
      o.batch.max_size = 2;
      o.warm_up.max_runs = 0;
      o.residency = memory_;
      models_.push_back(std::make_unique<script_model>(serving.rt(), o, encode, decode));
    }
    load_next();
  }
  ~loading_by_catena() override {
    stopping_ = true;
    while (!stopped_) {
      io_.restart();
      io_.run_one();
    }
  }
  [[nodiscard]] std::size_t load_count() const override { return loads_; }

 private:
  void load_next() {
    pause_.expires_after(between_loads);
    models_[loads_ % 2]->async_warm_up([this](const catena::result<void>& loaded) {
      if (!loaded) throw std::runtime_error(loaded.error().to_string());
      ++loads_;
      pause_.async_wait([this](const boost::system::error_code&) {
        if (stopping_) stopped_ = true;
        else load_next();
      });
    });
  }

  boost::asio::io_context& io_;
  boost::asio::steady_timer pause_{io_};
  catena::residency memory_;
  std::vector<std::unique_ptr<script_model>> models_;
  std::size_t loads_ = 0;
  bool stopping_ = false, stopped_ = false;
};

class loading_by_jit final : public loading_all_the_time {
 public:
  explicit loading_by_jit(const std::string& file) {
    thread_ = std::thread([this, file] {
      while (!stopping_) {
        const clock::time_point next = clock::now() + between_loads;
        load_and_drop(file.c_str());
        ++loads_;
        std::this_thread::sleep_until(next);
      }
    });
  }
  ~loading_by_jit() override {
    stopping_ = true;
    thread_.join();
  }
  [[nodiscard]] std::size_t load_count() const override { return loads_; }

 private:
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> loads_{0};
  std::thread thread_;
};

using begin_loading = std::function<std::unique_ptr<loading_all_the_time>(served_model&, const std::string& file, std::int64_t width)>;

double p99_of(std::vector<double>& latencies) {
  std::ranges::sort(latencies);
  return latencies[latencies.size() * 99 / 100];
}

/// Both are measured in turns, because a machine is not as quick now as it was a minute ago.
bench::repetition serve(const bench::options& opts, const begin_loading& begin) {
  const std::string file = the_folder(opts.quick).file();
  const std::int64_t width = big_width(opts.quick);
  const std::size_t turns = opts.size<std::size_t>(10, 2), requests_a_turn = opts.size<std::size_t>(2'000, 25);
  return [=, model = std::make_shared<served_model>(), seed = 0U]() mutable -> std::vector<bench::reading> {
    std::vector<double> alone, meanwhile;
    std::size_t loads = 0;
    for (std::size_t turn = 0; turn < turns; ++turn) {
      ++seed;
      model->serve(requests_a_turn, 0.7, seed, alone);
      const auto other = begin(*model, file, width);
      while (other->load_count() < 2) model->serve_until(clock::now() + between_loads);  // the first one writes the mapped file
      loads -= other->load_count();
      model->serve(requests_a_turn, 0.7, seed, meanwhile);
      loads += other->load_count();
    }
    const double p99_alone = p99_of(alone), p99_meanwhile = p99_of(meanwhile);
    return {{"p99_ratio", p99_meanwhile / p99_alone}, {"p99_alone_us", p99_alone}, {"p99_us", p99_meanwhile}, {"loads", static_cast<double>(loads)}};
  };
}

}  // namespace

void add_serve(std::vector<bench::subject>& subjects) {
  const auto add = [&](const char* subject, begin_loading begin) {
    subjects.push_back({"serve_while_loading", subject,
                        [begin = std::move(begin)](const bench::options& opts) { return serve(opts, begin); }});
  };
  for (const auto& [subject, how] : {std::pair{"catena", catena::torch::loading::mapped}, std::pair{"catena_copied", catena::torch::loading::copied}})
    add(subject, [how = how](served_model& serving, const std::string& file, std::int64_t width) {
      return std::make_unique<loading_by_catena>(serving, file, width, how);
    });
  add("jit_thread", [](served_model&, const std::string& file, std::int64_t) { return std::make_unique<loading_by_jit>(file); });
}

}  // namespace pool
