// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/llm/chat_model.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "llm/support/chat_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
namespace asio = boost::asio;

TEST_CASE("calls of a model on threads end once each, whole, streamed or out of time, and take no more than their budget", "[concurrency]") {
  constexpr int calls = 300;
  asio::io_context server_io(1);
  const auto busy = asio::make_work_guard(server_io);
  std::optional<test::scripted_server> server(runtime(server_io.get_executor()));
  server->next({test::answer_each{[](const std::string& request) -> test::answer_each::reply {
    if (request.find("\"stream\":true") == std::string::npos)
      return {{}, test::chat_world::ok(test::chat_world::completion(R"({"content":"yes"})", R"("usage":{"prompt_tokens":3,"completion_tokens":2})"))};
    return {{}, test::in_chunks(test::token("y") + test::token("es") + test::last_events("stop", 2), 50, "Content-Type: text/event-stream\r\n")};
  }}});
  const std::uint16_t port = server->listen();
  std::thread serving([&] { server_io.run(); });

  asio::thread_pool pool(2);
  std::atomic<int> answered = 0, failed = 0;
  {
    const runtime rt(pool.get_executor());
    const llm::budget allowance(rt, {.total = {.tokens = 10'000'000}});
    const llm::chat_model chat(rt, {.provider = llm::generic(),
                                    .base_url = "http://127.0.0.1:" + std::to_string(port) + "/v1",
                                    .model = "m",
                                    .settings = {.max_tokens = 50},
                                    .limit = fixed_limit{8},
                                    .budget = allowance});
    const auto whole = make_chain<std::string>(rt, "whole", [&](auto in) { return in >> stage("ask", chat); });
    const auto streamed =
        make_chain<std::string>(rt, "streamed", [&](auto in) { return in >> stage("ask", chat.streamed<std::string>()) >> stage("join", llm::whole); });
    for (int i = 0; i < calls; ++i) {
      const auto& chain = i % 2 == 0 ? whole : streamed;
      const run_options how{.deadline = i % 10 == 0 ? rt.now() + 100us : no_deadline};
      chain.async_run(std::string("?"), how, [&](const result<llm::answer>& a) {
        if (a && a->text() == "yes") ++answered;
        else ++failed;
      });
    }
    rt.async_drain(no_deadline, asio::use_future).get().value();
    pool.join();
    CHECK(answered + failed == calls);
    CHECK(failed <= calls / 10);
    CHECK(chat.stats().answered >= static_cast<std::uint64_t>(answered.load()));
    CHECK(chat.stats().in_flight == 0);
    CHECK(allowance.total().reserved == llm::spending{});
  }
  asio::post(server_io, [&] {
    server.reset();
    server_io.stop();
  });
  serving.join();
}
