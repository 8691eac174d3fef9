// SPDX-License-Identifier: BSL-1.0
#include "inflight.hpp"

#include <boost/asio/post.hpp>

#include <stdexcept>
#include <utility>

namespace engine {
namespace {

/// Where the pool's two threads wait until everything is in flight.
class gate {
 public:
  /// A thread of the pool comes here, and stays until open().
  void hold() {
    reached_.count_down();
    opened_.wait();
    passed_.count_down();
  }
  void wait_until_both_are_held() const { reached_.wait(); }
  void open() { opened_.count_down(); }
  ~gate() { passed_.wait(); }
  gate() = default;
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;

 private:
  std::latch reached_{2}, opened_{1}, passed_{2};
};

std::vector<bench::reading> repeat(const std::function<start_run(boost::asio::thread_pool&, finish_line&)>& make, std::int64_t runs) {
  bench::trim_memory();
  finish_line end(runs);
  start_run start;  // outlives the pool's threads
  boost::asio::thread_pool pool(2);
  start = make(pool, end);
  std::vector<bench::reading> readings;
  double ns = 0;
  {
    gate both;
    boost::asio::post(pool, [&] { both.hold(); });
    const std::size_t before = bench::resident_bytes();
    boost::asio::post(pool, [&] {
      ns += bench::time_ns([&] {
        for (std::int64_t run = 0; run < runs; ++run) start();
      });
      both.hold();
    });
    both.wait_until_both_are_held();
    readings.push_back({"bytes_per_run", (static_cast<double>(bench::resident_bytes()) - static_cast<double>(before)) / static_cast<double>(runs)});
    ns += bench::time_ns([&] {
      both.open();
      end.wait();
    });
  }
  pool.join();
  if (end.wrong()) throw std::runtime_error("a run has a wrong result");
  readings.push_back({"runs_per_s", static_cast<double>(runs) * 1e9 / ns});
  return readings;
}

}  // namespace

void add_inflight(std::vector<bench::subject>& subjects, const std::string& name,
                  std::function<start_run(boost::asio::thread_pool&, finish_line&)> make) {
  subjects.push_back({"inflight100k", name, [make = std::move(make)](const bench::options& opts) -> bench::repetition {
    return [make, runs = opts.size<std::int64_t>(100'000, 5'000)] { return repeat(make, runs); };
  }});
}

}  // namespace engine
