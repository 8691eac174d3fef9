// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/http/webhook.hpp>
#include <catena/incident/notifier.hpp>
#include <catena/observe/metric_set.hpp>

#include <algorithm>
#include <chrono>
#include <string>

#include "http/support/http_world.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using test::http_world;

namespace {

http::webhook hook_to(http_world& w, http::webhook_options o = {}) {
  o.url = "http://localhost/hook";
  o.client.network = w.net;
  return {*w.rt, std::move(o)};
}

incident incident_at(const std::string& path) {
  incident what;
  what.path = path;
  what.failures = {failure(errc::busy, "too much").within(path)};
  return what;
}

}  // namespace

TEST_CASE("a stage that fails is told to a service by its webhook") {
  http_world w;
  w.server->next({test::await_request{}, test::send{test::answer("204 No Content", "")}, test::stall{}});
  http::webhook_options o;
  o.headers.set("Authorization", "Bearer s");
  const http::webhook hook = hook_to(w, o);
  const notifier to_us({.sinks = {hook}});
  auto fails = [](int) -> result<int> { return failure(errc::busy, "too much"); };
  auto chain = make_chain<int>(*w.rt, "pay", [&](auto in) { return in >> stage("card", fails).notify(to_us); });
  test::outcome<int> end;
  chain.async_run(1, end.take());
  w.world.run_until([&] { return end.count() != 0 && hook.stats().delivered == 1; });
  REQUIRE(w.server->requests().size() == 1);
  CHECK_THAT(w.server->requests()[0], ContainsSubstring("POST /hook HTTP/1.1") && ContainsSubstring("Authorization: Bearer s") &&
                                          ContainsSubstring("Content-Type: application/json") && ContainsSubstring(R"("path":"pay/card")"));
}

TEST_CASE("a webhook tries again what may succeed later, in order, and gives up what will not") {
  http_world w;
  int asked = 0;
  w.server->next({test::answer_each{[&](const std::string&) -> test::answer_each::reply {
    ++asked;
    if (asked == 1) return {0s, test::answer("503 Service Unavailable", "", "Retry-After: 9\r\n")};
    if (asked == 2) return {0s, test::answer("500 Internal Server Error", "")};
    if (asked == 4) return {0s, test::answer("400 Bad Request", "")};
    return {0s, test::answer("200 OK", "")};
  }}});
  const http::webhook hook = hook_to(w, {.body = [](const incident& i) { return i.path; }, .first_wait = 1s});
  const time_point start = w.world.now();
  for (const char* path : {"first", "second", "third"}) hook(incident_at(path));
  w.world.run_until([&] { return hook.stats().waiting == 0; });
  CHECK(w.world.now() - start == 11s);
  CHECK(hook.stats().delivered == 2);
  CHECK(hook.stats().lost == 1);
  std::string told;
  for (const std::string& r : w.server->requests()) told += r.substr(r.find("\r\n\r\n") + 4) + " ";
  CHECK(told == "first first first second third ");
}

TEST_CASE("a webhook waits a minute at most, however long its first wait and whatever the attempt") {
  for (const duration first : {duration(24h * 365), duration(1min), duration(30s)}) {
    http_world w;
    const http::webhook hook(*w.rt, {.url = "http://localhost:81/", .attempts = 30, .first_wait = first, .client = {.network = w.net}});
    const time_point start = w.world.now();
    hook(incident_at("first"));
    w.world.run_until([&] { return hook.stats().waiting == 0; });
    CHECK(w.world.now() - start == 28min + std::min<duration>(first, 1min));
  }
}

TEST_CASE("what webhooks delivered, lost and still have is among the metrics, of all of them together") {
  http_world w;
  w.server->next({test::answer_each{[](const std::string& asked) -> test::answer_each::reply {
    return {1s, test::answer(asked.find("bad") == asked.npos ? "200 OK" : "400 Bad Request", "")};
  }}});
  const auto path = [](const incident& i) { return i.path; };
  const http::webhook to_chat = hook_to(w, {.body = path}), to_pager(*w.rt, {.url = "http://localhost:81/", .attempts = 1, .client = {.network = w.net}});
  const auto expect = [&](double delivered, double lost, double waiting) {
    const metric_set now = w.rt->metrics();
    CHECK(now.value("catena_webhook_incidents", R"(outcome="delivered")") == delivered);
    CHECK(now.value("catena_webhook_incidents", R"(outcome="lost")") == lost);
    CHECK(now.value("catena_webhook_waiting") == waiting);
  };
  for (const char* p : {"good", "bad", "good"}) to_chat(incident_at(p));
  to_pager(incident_at("good"));
  expect(0, 0, 4);
  w.world.run_until([&] { return to_chat.stats().waiting == 1; });
  expect(1, 2, 1);
  w.world.run_until([&] { return to_chat.stats().waiting == 0; });
  expect(2, 2, 0);
}

TEST_CASE("what happens while a runtime drains is posted, too") {
  http_world w;
  w.server->next({test::await_request{}, test::send{test::answer("200 OK", "")}, test::stall{}});
  const http::webhook hook = hook_to(w);
  test::outcome<void> drained;
  w.rt->async_drain(no_deadline, drained.take());
  hook(incident_at("late"));
  w.world.run_until([&] { return hook.stats().waiting == 0; });
  CHECK(hook.stats().delivered == 1);
}

TEST_CASE("a webhook whose service is away loses what is too much, and gives up after its attempts") {
  http_world w;
  const http::webhook hook(*w.rt, {.url = "http://localhost:81/", .attempts = 3, .capacity = 2, .client = {.network = w.net}});
  hook(incident_at("first"));
  hook(incident_at("second"));
  CHECK_THROWS_WITH(hook(incident_at("third")), ContainsSubstring("capacity"));
  w.world.run_until([&] { return hook.stats().waiting == 0; });
  CHECK(hook.stats().lost == 2);
  CHECK_THROWS_WITH(http::webhook(*w.rt, {.url = "ftp://x"}), ContainsSubstring("webhook_options::url"));
  CHECK_THROWS_WITH(http::webhook(*w.rt, {.url = "https://x.test", .attempts = 0}), ContainsSubstring("attempts must be 1 to 100"));
}
