// SPDX-License-Identifier: BSL-1.0
#include "streams.hpp"

#include <algorithm>
#include <cmath>
#include <latch>
#include <numeric>
#include <optional>
#include <random>
#include <thread>
#include <utility>

namespace cache_bench {
namespace {

constexpr double exponent = 0.99;
constexpr std::uint64_t seed = 20'261'101;

struct sizes {
  explicit sizes(const bench::options& opts)
      : keys(opts.size<std::size_t>(1'000'000, 20'000)),
        capacity(keys / 10),
        requests(opts.size<std::size_t>(1'000'000, 20'000)) {}
  std::size_t keys, capacity, requests;
};

/// The keys of a run by number.
using numbers = std::vector<std::uint32_t>;

std::string key_text(std::uint64_t i) {
  std::string text = "request/" + std::to_string(i) + "/";
  std::mt19937_64 random(i);
  while (text.size() < 64) text += static_cast<char>('a' + random() % 26);
  return text;
}

/// Zipf over `keys` keys, the popular ones strewn over all numbers.
numbers zipf(std::size_t keys, std::size_t length, std::uint64_t random_seed) {
  std::vector<double> until(keys);  // the share of all requests that the first i + 1 keys have
  double sum = 0;
  for (std::size_t i = 0; i < keys; ++i) until[i] = sum += std::pow(static_cast<double>(i + 1), -exponent);
  numbers strewn(keys);
  std::iota(strewn.begin(), strewn.end(), 0U);
  std::shuffle(strewn.begin(), strewn.end(), std::mt19937_64(seed));
  std::mt19937_64 random(random_seed);
  std::uniform_real_distribution<double> uniform(0, sum);
  numbers drawn(length);
  for (auto& request : drawn) {
    const auto rank = std::upper_bound(until.begin(), until.end() - 1, uniform(random)) - until.begin();
    request = strewn[static_cast<std::size_t>(rank)];
  }
  return drawn;
}

/// Zipf over half of the keys, but every second twentieth of it is keys of the other half in a row, asked for once.
numbers scan(std::size_t keys, std::size_t length) {
  const std::size_t half = keys / 2;
  const std::size_t stretch = std::max<std::size_t>(keys / 20, 1);
  numbers all = zipf(half, length, seed);
  std::size_t once = half;
  for (std::size_t i = 0; i < length; ++i) {
    if (i / stretch % 2 == 0) continue;
    all[i] = static_cast<std::uint32_t>(once);
    if (++once == keys) once = half;
  }
  return all;
}

/// A few more keys than the cache holds, in turn, again and again.
numbers loop(std::size_t keys, std::size_t length) {
  numbers all(length);
  for (std::size_t i = 0; i < length; ++i) all[i] = static_cast<std::uint32_t>(i % keys);
  return all;
}

/// The stream of this name, shared by the subjects of a case: it is 100 MB.
std::shared_ptr<const stream> make_stream(const std::string& name, const std::function<numbers()>& draw) {
  static std::string last_name;
  static std::shared_ptr<const stream> last;
  if (name == last_name) return last;
  last.reset();
  auto made = std::make_shared<stream>();
  for (const auto id : draw()) made->push_back({key_text(id), id});
  last_name = name;
  return last = made;
}

using share_of_work = std::function<void(const request* first, const request* last)>;

/// ns per request of `threads` threads that begin at once, each with its share.
double ns_per_request(const stream& requests, std::size_t threads, const share_of_work& work) {
  const std::size_t each = requests.size() / threads;
  const auto timed = [&](std::size_t t) {
    return bench::time_ns([&] { work(requests.data() + t * each, requests.data() + (t + 1) * each); }) / static_cast<double>(each);
  };
  if (threads == 1) return timed(0);
  std::latch start(static_cast<std::ptrdiff_t>(threads));
  std::vector<double> ns(threads);
  std::vector<std::thread> running;
  for (std::size_t t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      start.arrive_and_wait();
      ns[t] = timed(t);
    });
  for (auto& thread : running) thread.join();
  return std::accumulate(ns.begin(), ns.end(), 0.0) / static_cast<double>(threads);
}

using maker = std::function<std::unique_ptr<contender>(std::size_t)>;
enum class work { get, put };

/// A warm cache, and the time of each get or put.
bench::repetition speed(const bench::options& opts, const maker& make, std::size_t threads, work what) {
  const sizes n(opts);
  std::shared_ptr<contender> subject = make(n.capacity);
  const auto requests = make_stream("speed", [&] { return zipf(n.keys, n.requests, seed); });
  return [=] {
    const double ns = ns_per_request(*requests, threads, [&](const request* first, const request* last) {
      if (what == work::put) subject->put_all(first, last);
      else subject->get_all(first, last);
    });
    return std::vector<bench::reading>{{"ns", ns}};
  };
}

/// The share of requests that a cache which was empty at first answers.
bench::repetition hit_ratio(const bench::options& opts, const maker& make, const std::string& name,
                            const std::function<numbers(const sizes&)>& draw, std::size_t capacity) {
  const sizes n(opts);
  const auto requests = make_stream(name, [&] { return draw(n); });
  return [=, known = std::optional<double>()]() mutable {
    if (!known) {  // on one thread it is the same every time
      const std::uint64_t misses = make(capacity)->get_all(requests->data(), requests->data() + requests->size());
      known = 1 - static_cast<double>(misses) / static_cast<double>(requests->size());
    }
    return std::vector<bench::reading>{{"hit_ratio", *known}};
  };
}

}  // namespace

void add(std::vector<bench::subject>& subjects, const std::string& name, const maker& make) {
  const auto timed = [&](const char* case_name, std::size_t threads, work what) {
    subjects.push_back({case_name, name, [=](const bench::options& o) { return speed(o, make, threads, what); }});
  };
  timed("get_1thread", 1, work::get);
  timed("get_2threads", 2, work::get);
  timed("put_1thread", 1, work::put);
  timed("put_2threads", 2, work::put);

  const auto counted = [&](const char* case_name, std::size_t part, const std::function<numbers(const sizes&)>& draw) {
    subjects.push_back({case_name, name, [=](const bench::options& o) {
                          return hit_ratio(o, make, case_name, draw, sizes(o).keys / part);
                        }});
  };
  counted("zipf_1pct", 100, [](const sizes& n) { return zipf(n.keys, n.requests, seed); });
  counted("zipf_10pct", 10, [](const sizes& n) { return zipf(n.keys, n.requests, seed); });
  counted("scan", 20, [](const sizes& n) { return scan(n.keys, n.requests); });
  counted("loop", 10, [](const sizes& n) { return loop(n.capacity * 6 / 5, n.requests); });
}

}  // namespace cache_bench
