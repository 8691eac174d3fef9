// SPDX-License-Identifier: BSL-1.0
// A question is split into parts; a coroutine stage asks again until it is content; a part has a fallback for when that takes long.
// prints: who: Ada; when: 1843; where: unknown
// prints: 0 parts: nothing was asked
// prints: too late: questions: deadline exceeded
// [agent]
#include <catena/catena.hpp>

#include <boost/asio.hpp>

#include <iostream>
#include <map>
#include <numeric>
#include <sstream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

std::vector<std::string> split(const std::string& question) {
  std::istringstream words(question);
  return {std::istream_iterator<std::string>(words), {}};
}

/// A search that answers only at the third attempt, and never for "where".
catena::chain<std::string, std::string> make_search(const catena::runtime& rt) {
  auto attempts = std::make_shared<std::map<std::string, int>>();
  return catena::make_chain<std::string>(rt, "search", [&](auto in) {
    return in >> catena::stage("look", [attempts](const std::string& part) {
             const std::map<std::string, std::string> known{{"who", "Ada"}, {"when", "1843"}};
             return known.count(part) && ++(*attempts)[part] >= 3 ? known.at(part) : std::string();
           });
  });
}
struct agent {
  catena::runtime rt;
  catena::chain<std::string, std::string> search;

  /// A stage with a loop is a coroutine: handing `c` on keeps what it calls traced, bounded and cancelled.
  asio::awaitable<std::string> operator()(catena::call c, const std::string& part) const {
    for (;;) {
      std::string found = co_await search(c, part);
      if (!found.empty()) co_return part + ": " + found;
      co_await rt.async_wait_until(rt.now() + 1ms, asio::use_awaitable);
    }
  }
};

std::string give_up(const std::string& part) { return part + ": unknown"; }

std::string join_lines(const std::vector<std::string>& answers) {
  if (answers.empty()) return "nothing was asked";
  return std::accumulate(answers.begin() + 1, answers.end(), answers.front(),
                         [](const std::string& all, const std::string& next) { return all + "; " + next; });
}

auto make_questions(const catena::runtime& rt) {
  agent ask{rt, make_search(rt)};
  return catena::make_chain<std::string>(rt, "questions", [&](auto in) {
    return in >> catena::stage("split", split)
              >> catena::each(catena::stage("ask", ask).timeout(100ms).fallback(give_up), 8)
              >> catena::stage("write", join_lines);
  });
}
// [/agent]

int main() {
  asio::io_context io;
  auto questions = make_questions(catena::runtime(io.get_executor()));
  auto print = [](std::string before) {
    return [before](const catena::result<std::string>& r) { std::cout << before << (r ? *r : r.error().to_string()) << "\n"; };
  };
  const auto now = catena::clock::now();
  questions.async_run("who when where", catena::run_options{.deadline = now + 10s}, print(""));
  io.run();
  io.restart();
  questions.async_run("", print("0 parts: "));
  questions.async_run("who", catena::run_options{.deadline = now - 1s}, print("too late: "));
  io.run();
}
