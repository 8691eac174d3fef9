// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/compute_pool.hpp>
#include <catena/testing/manual_world.hpp>

#include <atomic>
#include <deque>
#include <future>
#include <functional>
#include <latch>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using catena::compute_job;
using catena::compute_pool;

struct noted_job : compute_job {
  explicit noted_job(std::function<void()> f) : then(std::move(f)) {
    run = [](compute_job& job) noexcept { static_cast<noted_job&>(job).then(); };
  }
  std::function<void()> then;
};

}  // namespace

TEST_CASE("a compute pool starts no thread before its first job") {
  compute_pool pool(4);
  CHECK(pool.thread_count() == 4);
}

TEST_CASE("one compute thread runs jobs in the order in which they came", "[concurrency]") {
  std::vector<int> order;
  std::deque<noted_job> jobs;
  {
    compute_pool pool(1);
    for (int i = 0; i < 100; ++i) pool.submit(jobs.emplace_back([&order, i] { order.push_back(i); }));
  }
  REQUIRE(order.size() == 100);
  for (int i = 0; i < 100; ++i) REQUIRE(order[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("as many jobs run at once as a compute pool has threads", "[concurrency]") {
  std::latch all_run(3);
  std::deque<noted_job> jobs;
  compute_pool pool(3);
  for (int i = 0; i < 3; ++i) pool.submit(jobs.emplace_back([&] { all_run.arrive_and_wait(); }));
  all_run.wait();
}

TEST_CASE("destroying a compute pool runs the jobs that have not begun", "[concurrency]") {
  std::atomic<int> ran{0};
  std::deque<noted_job> jobs;
  {
    compute_pool pool(2);
    for (int i = 0; i < 50; ++i) pool.submit(jobs.emplace_back([&] { ++ran; }));
  }
  CHECK(ran == 50);
}

TEST_CASE("a job may submit itself again and others", "[concurrency]") {
  compute_pool pool(2);
  std::promise<void> done;
  int left = 100;
  noted_job again([] {});
  again.then = [&] {
    if (--left == 0) done.set_value();
    else pool.submit(again);
  };
  pool.submit(again);
  done.get_future().wait();
  CHECK(left == 0);
}

TEST_CASE("a compute pool may be destroyed by one of its own threads", "[concurrency]") {
  auto pool = std::make_unique<compute_pool>(1);
  std::promise<void> gone;
  std::promise<void> submitted;
  noted_job last([&] {
    submitted.get_future().wait();
    pool.reset();
    gone.set_value();
  });
  pool->submit(last);
  submitted.set_value();
  gone.get_future().wait();
  CHECK(!pool);
}

TEST_CASE("whoever submits a job touches nothing of the pool that the job destroys", "[concurrency]") {
  for (int i = 0; i < 200; ++i) {
    auto pool = std::make_unique<compute_pool>(2);
    std::atomic<bool> goes_on{false}, sleeps{false};
    std::promise<void> gone;
    noted_job busy([&] { while (!goes_on.load()) std::this_thread::yield(); });
    noted_job brief([&] { sleeps = true; });
    noted_job last([&] {
      pool.reset();
      gone.set_value();
    });
    pool->submit(busy);
    pool->submit(brief);
    while (!sleeps.load()) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::microseconds(100));  // one sleeps, and the other one comes for the next job by itself
    goes_on = true;
    pool->submit(last);
    gone.get_future().wait();
  }
}

TEST_CASE("threads that spin before they sleep lose no job, whenever it comes", "[concurrency]") {
  for (const auto spin : {std::chrono::microseconds(0), std::chrono::microseconds(5), std::chrono::microseconds(200)}) {
    compute_pool pool(2, spin);
    std::atomic<int> ran{0};
    noted_job job([&] { ++ran; });
    for (int i = 0; i < 2'000; ++i) {
      if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::microseconds(i / 10));
      pool.submit(job);
      while (ran.load() != i + 1) std::this_thread::yield();
    }
  }
}

TEST_CASE("in virtual time jobs are pieces of the executor's work and need no thread") {
  catena::testing::manual_world world;
  const boost::asio::any_io_executor executor = world.get_executor();
  compute_pool pool(1, {}, &executor);
  std::thread::id where;
  noted_job job([&] { where = std::this_thread::get_id(); });
  pool.submit(job);
  CHECK(where == std::thread::id());
  world.run_until_idle();
  CHECK(where == std::this_thread::get_id());
}

TEST_CASE("in virtual time a job whose executor is destroyed before its turn runs all the same") {
  catena::testing::manual_world world;
  const boost::asio::any_io_executor executor = world.get_executor();
  compute_pool pool(1, {}, &executor);
  int ran = 0;
  noted_job job([&] { ++ran; });
  pool.submit(job);
  world.destroy_executor();
  CHECK(ran == 1);
}
