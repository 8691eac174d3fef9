// SPDX-License-Identifier: BSL-1.0
#include <catena/chain.hpp>
#include <catena/http/otlp_exporter.hpp>
#include <catena/observe/gen_ai_names.hpp>
#include <catena/observe/metric_set.hpp>
#include <catena/observe/trace_measure.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "http/support/http_world.hpp"
#include "http/support/otlp_shape.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;
using test::http_world;

namespace {

std::shared_ptr<trace> exported_trace(std::size_t spans = 1, time_point began = testing::manual_time::start) {
  auto t = std::make_shared<trace>();
  t->id[0] = std::byte{0xab};
  for (std::size_t i = 0; i < spans; ++i) {
    trace_span& s = t->spans.emplace_back();
    s.id = i + 1;
    s.parent = i == 0 ? 0 : 1;
    s.kind = i == 0 ? span_kind::run : span_kind::stage;
    s.name = i == 0 ? "c" : "s";
    s.began = began;
    s.ended = began + 5ms;
  }
  return t;
}

/// A collector that answers each request as it is told, and in the end well.
struct otlp_world : http_world {
  explicit otlp_world(http::otlp_options o = {}) : otlp_world(std::move(o), {}) {}
  otlp_world(http::otlp_options o, std::vector<test::answer_each::reply> first) : replies(first.begin(), first.end()) {
    server->next({test::answer_each{[this](const std::string&) -> test::answer_each::reply {
      asked_at.push_back(world.now());
      if (replies.empty()) return {0s, test::answer("200 OK", "{}", "Content-Type: application/json\r\n")};
      auto next = replies.front();
      replies.pop_front();
      return next;
    }}});
    o.endpoint = "http://localhost";
    o.client.network = net;
    o.seed = 1;
    if (o.service_instance_id.empty()) o.service_instance_id = "one";
    exporter = std::make_shared<http::otlp_exporter>(*rt, std::move(o));
  }
  void run_out() {
    world.run_until([&] { return exporter->stats().waiting == 0; });
  }
  [[nodiscard]] json body(std::size_t request) const {
    const std::string& text = server->requests().at(request);
    return json::parse(text.substr(text.find("\r\n\r\n") + 4));
  }
  [[nodiscard]] json spans(std::size_t request) const { return body(request).at("/resourceSpans/0/scopeSpans/0/spans"_json_pointer); }

  std::deque<test::answer_each::reply> replies;
  std::vector<time_point> asked_at;
  std::shared_ptr<http::otlp_exporter> exporter;
};

test::answer_each::reply says(const std::string& status, const std::string& fields = "") { return {0s, test::answer(status, "", fields)}; }

/// The value of a span's attribute.
json attribute_of(const json& span, const std::string& key) {
  for (const json& a : span.at("attributes"))
    if (a.at("key") == key) return a.at("value");
  return nullptr;
}

}  // namespace

TEST_CASE("a trace is posted as the protocol has it, field by field") {
  const auto before = std::chrono::system_clock::now();
  otlp_world w({.service_name = "shop", .service_version = "2", .resource = {{"zone", std::string("z")}, {"slots", std::int64_t{4}}}});
  const auto after = std::chrono::system_clock::now();
  auto t = exported_trace(3);
  t->why = kept_for::failed;
  t->spans[0].parent = 0xbeef;
  t->spans[1].why = failure(errc::busy, "too \"much\"").within("s");
  t->spans[1].parts = {{span_part::queue, w.world.now(), w.world.now() + 1ms}, {span_part::work, w.world.now() + 1ms, w.world.now() + 2ms}, {span_part::queue, w.world.now() + 3ms, w.world.now() + 5ms}};
  t->spans[1].attributes = {{"n", std::int64_t{-7}}, {"x", 0.5}, {"yes", true}, {"who", std::string("\xff")}, {"n", std::int64_t{8}}};
  t->spans[1].links.push_back({exported_trace()->id, 0x1234});
  t->spans[2].ended = {};
  t->spans[2].why = failure(errc::cancelled);
  t->spans[2].attributes = {{std::string(gen_ai::provider_name), std::string("deepseek")}, {std::string(gen_ai::response_finish_reasons), std::string("stop")}};
  w.exporter->take(t);
  w.run_out();
  REQUIRE(w.server->requests().size() == 1);
  CHECK_THAT(w.server->requests()[0], ContainsSubstring("POST /v1/traces HTTP/1.1") && ContainsSubstring("Content-Type: application/json"));
  CHECK(test::otlp_shape::faults_of(w.body(0)) == "");
  const json resource = w.body(0).at("/resourceSpans/0/resource"_json_pointer);
  CHECK(attribute_of(resource, "service.name") == json{{"stringValue", "shop"}});
  CHECK(attribute_of(resource, "service.version") == json{{"stringValue", "2"}});
  CHECK(attribute_of(resource, "service.instance.id") == json{{"stringValue", "one"}});
  CHECK(attribute_of(resource, "slots") == json{{"intValue", "4"}});
  const json spans = w.spans(0);
  REQUIRE(spans.size() == 3);
  CHECK(spans[0].at("traceId") == "ab000000000000000000000000000000");
  CHECK(spans[0].at("spanId") == "0000000000000001");
  CHECK(spans[0].at("parentSpanId") == "000000000000beef");
  CHECK(spans[0].at("kind") == 2);
  CHECK(attribute_of(spans[0], "catena.kept_for") == json{{"stringValue", "failed"}});
  CHECK(!spans[0].contains("status"));
  const auto began = std::chrono::nanoseconds(std::stoll(spans[0].at("startTimeUnixNano").get<std::string>()));
  CHECK((began >= before.time_since_epoch() && began <= after.time_since_epoch()));
  CHECK(std::stoll(spans[0].at("endTimeUnixNano").get<std::string>()) - began.count() == 5'000'000);
  CHECK(spans[1].at("kind") == 1);
  CHECK(spans[1].at("status") == json{{"code", 2}, {"message", "too \"much\""}});
  CHECK(attribute_of(spans[1], "error.type") == json{{"stringValue", "busy"}});
  CHECK(attribute_of(spans[1], "catena.error.path") == json{{"stringValue", "s"}});
  CHECK(attribute_of(spans[1], "catena.queue.seconds") == json{{"doubleValue", 0.003}});
  CHECK(attribute_of(spans[1], "catena.work.seconds") == json{{"doubleValue", 0.001}});
  CHECK(attribute_of(spans[1], "n") == json{{"intValue", "8"}});
  CHECK(attribute_of(spans[1], "x") == json{{"doubleValue", 0.5}});
  CHECK(attribute_of(spans[1], "yes") == json{{"boolValue", true}});
  CHECK(attribute_of(spans[1], "who") == json{{"stringValue", "\xef\xbf\xbd"}});
  CHECK(spans[1].at("links") == json::array({{{"traceId", "ab000000000000000000000000000000"}, {"spanId", "0000000000001234"}}}));
  CHECK(spans[2].at("kind") == 3);
  CHECK(!spans[2].contains("status"));
  CHECK(attribute_of(spans[2], "catena.cancelled") == json{{"boolValue", true}});
  CHECK(attribute_of(spans[2], "catena.unended") == json{{"boolValue", true}});
  CHECK(spans[2].at("endTimeUnixNano") == spans[0].at("endTimeUnixNano"));
  CHECK(attribute_of(spans[2], "gen_ai.response.finish_reasons") == json::parse(R"({"arrayValue":{"values":[{"stringValue":"stop"}]}})"));
}

TEST_CASE("what a traced run leaves is posted, and what posts it is no trace itself") {
  otlp_world w;
  const auto by = tracer::create({.sinks = {w.exporter}, .sample_share = 1});
  const runtime rt = w.world.runtime({.tracer = by});
  const auto chain = make_chain<int>(rt, "c", [](auto in) { return in >> stage("double", [](int i) { return 2 * i; }) >> stage("fail", [](int) -> result<int> { return failure(errc::busy, "no"); }); });
  test::outcome<int> end;
  chain.async_run(1, end.take());
  w.world.run_until([&] { return w.exporter->stats().exported != 0; });
  CHECK(test::otlp_shape::faults_of(w.body(0)) == "");
  CHECK(w.spans(0).size() == 3);
  w.world.run();
  CHECK(w.server->requests().size() == 1);
  CHECK(w.exporter->stats().exported == 3);
}

TEST_CASE("what became of an exporter's spans is among the metrics of the runtime that it has them from, and not of its own") {
  otlp_world w({.max_batch_spans = 4, .max_waiting_spans = 8, .attempts = 2},
               {says("503 Service Unavailable"), says("200 OK"), says("503 Service Unavailable"), says("503 Service Unavailable"), says("400 Bad Request"),
                {0s, test::answer("200 OK", R"({"partialSuccess":{"rejectedSpans":"1"}})", "Content-Type: application/json\r\n")}});
  const runtime rt = w.world.runtime({.tracer = tracer::create({.sinks = {w.exporter}})});
  const auto told = [&](const char* name, const char* labels = "") { return rt.metrics().value(name, labels); };
  for (int i = 0; i < 3; ++i) w.exporter->take(exported_trace(4));  // the third finds no room
  CHECK(told("catena_otlp_waiting_spans") == 8);
  CHECK(told("catena_otlp_waiting_bytes") == static_cast<double>(w.exporter->stats().waiting_bytes));
  CHECK(told("catena_otlp_waiting_bytes") > 0);
  w.run_out();
  for (int i = 0; i < 2; ++i) w.exporter->take(exported_trace(4));
  w.run_out();
  test::outcome<void> closed;
  w.exporter->async_close(w.world.now(), closed.take());
  w.exporter->take(exported_trace(5));
  w.world.run();
  CHECK(told("catena_otlp_exported_spans") == 4 + 3);
  CHECK(told("catena_otlp_dropped_spans", R"(reason="waiting")") == 4);
  CHECK(told("catena_otlp_dropped_spans", R"(reason="given_up")") == 4);
  CHECK(told("catena_otlp_dropped_spans", R"(reason="refused")") == 4);
  CHECK(told("catena_otlp_dropped_spans", R"(reason="rejected")") == 1);
  CHECK(told("catena_otlp_dropped_spans", R"(reason="at_end")") == 5);
  CHECK(told("catena_otlp_requests") == 6);
  CHECK(told("catena_otlp_retries") == 2);
  CHECK(told("catena_otlp_waiting_spans") == 0);
  CHECK(told("catena_otlp_waiting_bytes") == 0);
  CHECK(w.rt->metrics().find("catena_otlp_requests", "") == nullptr);
}

TEST_CASE("traces wait for others up to their time, and leave at once when there are enough") {
  otlp_world w({.max_batch_spans = 10, .max_delay = 5s});
  const time_point start = w.world.now();
  w.exporter->take(exported_trace(2));
  w.world.advance(3s);
  w.exporter->take(exported_trace(2));
  w.run_out();
  for (int i = 0; i < 6; ++i) w.exporter->take(exported_trace(2));
  w.run_out();
  REQUIRE(w.asked_at.size() == 3);
  CHECK(w.asked_at[0] - start == 5s);
  CHECK(w.spans(0).size() == 4);
  CHECK(w.asked_at[1] - start == 5s);
  CHECK(w.spans(1).size() == 10);
  CHECK(w.spans(2).size() == 2);
  CHECK(w.exporter->stats().exported == 16);
}

TEST_CASE("a request is sent again where the server says so or was lost, and no other") {
  struct reaction {
    test::answer_each::reply reply;
    std::size_t requests;
    std::uint64_t http::otlp_stats::*counted;
  };
  const reaction reactions[] = {
      {says("429 Too Many Requests"), 2, &http::otlp_stats::exported},
      {says("502 Bad Gateway"), 2, &http::otlp_stats::exported},
      {says("503 Service Unavailable"), 2, &http::otlp_stats::exported},
      {says("504 Gateway Timeout"), 2, &http::otlp_stats::exported},
      {{0s, "", true}, 2, &http::otlp_stats::exported},
      {says("202 Accepted"), 1, &http::otlp_stats::exported},
      {says("400 Bad Request"), 1, &http::otlp_stats::dropped_refused},
      {says("401 Unauthorized"), 1, &http::otlp_stats::dropped_refused},
      {says("408 Request Timeout"), 1, &http::otlp_stats::dropped_refused},
      {says("413 Content Too Large"), 1, &http::otlp_stats::dropped_refused},
      {says("500 Internal Server Error"), 1, &http::otlp_stats::dropped_refused},
      {says("307 Temporary Redirect", "Location: /elsewhere\r\n"), 1, &http::otlp_stats::dropped_refused},
      {{20s, test::answer("200 OK", "{}")}, 1, &http::otlp_stats::dropped_given_up},
  };
  for (const reaction& r : reactions) {
    INFO(r.reply.text);
    otlp_world w({}, {r.reply});
    w.exporter->take(exported_trace());
    w.run_out();
    const http::otlp_stats s = w.exporter->stats();
    CHECK(s.requests == r.requests);
    CHECK(s.retries == r.requests - 1);
    CHECK(s.*r.counted == 1);
    CHECK(s.exported + s.dropped() == 1);
    CHECK(w.server->requests().size() == r.requests);
    if (r.requests == 2) CHECK(w.body(0) == w.body(1));
  }
}

TEST_CASE("an exporter waits longer each time, and as long as the server says") {
  otlp_world w({.max_delay = 0s, .attempts = 4, .first_wait = 8s},
               {says("503 Service Unavailable"), says("503 Service Unavailable", "Retry-After: 77\r\n"), says("429 Too Many Requests")});
  w.exporter->take(exported_trace());
  w.run_out();
  REQUIRE(w.asked_at.size() == 4);
  const duration first = w.asked_at[1] - w.asked_at[0], third = w.asked_at[3] - w.asked_at[2];
  CHECK((first >= 4s && first <= 8s));
  CHECK(w.asked_at[2] - w.asked_at[1] == 77s);
  CHECK((third >= 16s && third <= 32s));
  CHECK(w.exporter->stats().exported == 1);
}

TEST_CASE("spans that a server takes but for some are counted, and not sent again") {
  const auto partly = [](const std::string& body) { return test::answer_each::reply{0s, test::answer("200 OK", body, "Content-Type: application/json\r\n")}; };
  otlp_world w({}, {partly(R"({"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}})"), partly(R"({"partialSuccess":{"rejectedSpans":1}})"),
                    partly("not JSON"), partly(R"({"partialSuccess":{"rejectedSpans":"1000"}})"), partly(R"({"partialSuccess":7})")});
  const std::uint64_t rejected[] = {2, 3, 3, 7, 7};
  for (const std::uint64_t so_far : rejected) {
    w.exporter->take(exported_trace(4));
    w.run_out();
    CHECK(w.exporter->stats().dropped_rejected == so_far);
  }
  CHECK(w.exporter->stats().exported == 13);
  CHECK(w.exporter->stats().retries == 0);
}

TEST_CASE("while a collector is away memory is bounded, what is too much is counted, and it goes on when it is back") {
  const auto seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{21}));
  CAPTURE(seed);
  std::vector<std::string> log;
  http_world w;
  const runtime aside = w.world.runtime({.log = [&](log_level, std::string_view, std::string_view text) { log.emplace_back(text); }});
  http::otlp_options o{.endpoint = "http://localhost:4318", .max_waiting_spans = 50, .attempts = 3, .seed = seed};
  o.client.network = w.net;
  http::otlp_exporter exporter(aside, o);
  const std::size_t one = approximate_bytes(*exported_trace());
  for (int i = 0; i < 1000; ++i) {
    exporter.take(exported_trace());
    w.world.advance(100ms);
    CHECK(exporter.stats().waiting <= 50);
    CHECK(exporter.stats().waiting_bytes <= 50 * one);
  }
  const http::otlp_stats away = exporter.stats();
  CHECK(away.exported == 0);
  CHECK(away.dropped_waiting > 0);
  CHECK(away.dropped_given_up > 0);
  CHECK(away.dropped() + away.waiting == 1000);
  test::scripted_server collector(*w.rt);
  collector.next({test::answer_each{[](const std::string&) { return test::answer_each::reply{0s, test::answer("200 OK", "{}")}; }}});
  w.net->listen("localhost", 4318, collector.acceptor());
  const auto exported_with_one_more = [&] {
    exporter.take(exported_trace());
    w.world.run_until([&] { return exporter.stats().waiting == 0; });
    return exporter.stats().exported;
  };
  const std::uint64_t first = exported_with_one_more();
  CHECK(first > 0);
  CHECK(exported_with_one_more() == first + 1);
  const http::otlp_stats back = exporter.stats();
  CHECK(back.exported + back.dropped() == 1002);
  REQUIRE(log.size() == 2);
  CHECK_THAT(log[0], ContainsSubstring("spans are lost"));
  CHECK(log[1] == "spans are taken again");
}

TEST_CASE("a collector that is slow or comes and goes costs no more memory, and each span is counted once") {
  std::vector<test::answer_each::reply> replies;
  for (int i = 0; i < 40; ++i) {
    if (i % 3 == 0) replies.push_back({9s, test::answer("200 OK", "{}")});
    else if (i % 3 == 1) replies.push_back({0s, "", true});
    else replies.push_back(says("503 Service Unavailable"));
  }
  otlp_world w({.max_batch_spans = 8, .max_delay = 1s, .max_waiting_bytes = 20 * approximate_bytes(*exported_trace())}, std::move(replies));
  for (int i = 0; i < 400; ++i) {
    w.exporter->take(exported_trace());
    w.world.advance(300ms);
    CHECK(w.exporter->stats().waiting <= 20);
  }
  w.run_out();
  const http::otlp_stats s = w.exporter->stats();
  CHECK(s.exported > 0);
  CHECK(s.dropped_waiting > 0);
  CHECK(s.exported + s.dropped() == 400);
}

TEST_CASE("a flush sends at once, and is told when what was there is done or its time is over") {
  otlp_world w({.max_delay = 1h}, {{3s, test::answer("200 OK", "{}")}});
  const time_point start = w.world.now();
  test::outcome<void> nothing, in_time, too_late;
  w.exporter->async_flush(no_deadline, nothing.take());
  w.world.run();
  CHECK(nothing.answered());
  w.exporter->take(exported_trace());
  w.exporter->async_flush(start + 1s, too_late.take());
  w.exporter->async_flush(start + 1min, in_time.take());
  w.world.run_until([&] { return too_late.count() != 0; });
  CHECK(too_late.why().is(errc::deadline_exceeded));
  CHECK(w.world.now() - start == 1s);
  w.world.run_until([&] { return in_time.count() != 0; });
  CHECK(in_time.answered());
  CHECK(w.world.now() - start == 3s);
  CHECK(w.exporter->stats().exported == 1);
}

TEST_CASE("an exporter that is closed sends what it has, takes no more, and drops at its deadline what it could not send") {
  SECTION("the collector is well") {
    otlp_world w({.max_batch_spans = 2, .max_delay = 1h});
    for (int i = 0; i < 5; ++i) w.exporter->take(exported_trace());
    test::outcome<void> closed;
    w.exporter->async_close(w.world.now() + 5s, closed.take());
    w.exporter->take(exported_trace());
    w.world.run_until([&] { return closed.count() != 0; });
    CHECK(closed.answered());
    CHECK(w.exporter->stats().exported == 5);
    CHECK(w.exporter->stats().dropped_at_end == 1);
  }
  SECTION("it is away, and waited for") {
    otlp_world w({.max_batch_spans = 2, .max_delay = 0s, .attempts = 100, .first_wait = 1min}, std::vector(100, says("503 Service Unavailable")));
    for (int i = 0; i < 5; ++i) w.exporter->take(exported_trace());
    w.world.advance(10s);
    CHECK(w.asked_at.size() == 1);
    test::outcome<void> closed;
    const time_point start = w.world.now();
    w.exporter->async_close(start + 5s, closed.take());
    w.world.run();
    CHECK(closed.why().is(errc::deadline_exceeded));
    CHECK(w.world.now() - start == 5s);
    CHECK(w.asked_at.size() == 2);  // once more, at once
    CHECK(w.exporter->stats().dropped_at_end == 5);
    CHECK(w.exporter->stats().waiting == 0);
  }
  SECTION("what is on its way is counted when its answer comes") {
    otlp_world w({.max_batch_spans = 2, .max_delay = 0s}, {{7s, test::answer("200 OK", "{}")}});
    for (int i = 0; i < 5; ++i) w.exporter->take(exported_trace());
    test::outcome<void> closed;
    w.exporter->async_close(w.world.now() + 5s, closed.take());
    w.world.run();
    CHECK(closed.why().is(errc::deadline_exceeded));
    CHECK(w.exporter->stats().exported == 2);
    CHECK(w.exporter->stats().dropped_at_end == 3);
  }
}

TEST_CASE("whoever destroys an exporter lets it send what waits, for a while") {
  otlp_world w({.max_delay = 1h});
  w.exporter->take(exported_trace());
  w.exporter.reset();
  w.world.run();
  CHECK(w.server->requests().size() == 1);

  otlp_world away({.max_delay = 1h, .attempts = 100}, std::vector(100, says("503 Service Unavailable")));
  away.exporter->take(exported_trace());
  const time_point start = away.world.now();
  away.exporter.reset();
  away.world.run();
  CHECK(away.world.now() - start <= 5s);
}

TEST_CASE("an executor may be destroyed at each step of an export, and an exporter before or after it") {
  for (const bool exporter_first : {false, true}) {
    for (std::size_t stop = 0; stop < 40; ++stop) {
      otlp_world w({.max_batch_spans = 2, .max_delay = 1s}, {says("503 Service Unavailable"), {1s, test::answer("200 OK", "{}")}});
      test::outcome<void> closed;
      for (int i = 0; i < 5; ++i) w.exporter->take(exported_trace());
      if (stop % 2 == 0) w.exporter->async_close(w.world.now() + 3s, closed.take());
      for (std::size_t i = 0; i < stop && w.world.step_in_time();) ++i;
      if (exporter_first) w.exporter.reset();
      w.client.reset();
      w.server.reset();
      w.world.destroy_executor();
      if (w.exporter) {
        w.exporter->take(exported_trace());
        const http::otlp_stats s = w.exporter->stats();
        CHECK(s.exported + s.dropped() == 6);
        CHECK(s.waiting == 0);
      }
    }
  }
}

TEST_CASE("options of an exporter that are out of range are named") {
  http_world w;
  const auto wrong = [&](http::otlp_options o) { return http::otlp_exporter(*w.rt, std::move(o)); };
  CHECK_THROWS_WITH(wrong({.endpoint = "ftp://x"}), ContainsSubstring("otlp_options::endpoint"));
  CHECK_THROWS_WITH(wrong({.endpoint = "http://collector.test:4318"}), ContainsSubstring("otlp_options::endpoint"));
  CHECK_THROWS_WITH(wrong({.service_name = ""}), ContainsSubstring("service_name is missing"));
  CHECK_THROWS_WITH(wrong({.max_batch_spans = 0}), ContainsSubstring("max_batch_spans must be 1 to 100000"));
  CHECK_THROWS_WITH(wrong({.attempts = 0}), ContainsSubstring("attempts must be 1 to 100"));
  CHECK_THROWS_WITH(wrong({.first_wait = 0s}), ContainsSubstring("first_wait"));
}

TEST_CASE("traces come to an exporter from several threads, and each is counted once", "[concurrency]") {
  for (const bool is_there : {true, false}) {
    boost::asio::io_context context;
    const runtime aside(context.get_executor());
    const auto net = std::make_shared<http::memory_network>(aside, http::memory_network_options{});
    test::scripted_server collector(aside);
    collector.next({test::answer_each{[](const std::string&) { return test::answer_each::reply{0s, test::answer("200 OK", "{}")}; }}});
    if (is_there) net->listen("localhost", 80, collector.acceptor());
    http::otlp_options o{.endpoint = "http://localhost", .max_batch_spans = 64, .max_delay = 1ms, .max_waiting_spans = 300, .attempts = 2, .first_wait = 1ms};
    o.client.network = net;
    http::otlp_exporter exporter(aside, o);
    std::vector<std::thread> threads;
    for (int n = 0; n < 3; ++n)
      threads.emplace_back([&] {
        for (int i = 0; i < 300; ++i) exporter.take(exported_trace());
      });
    std::size_t most_waiting = 0;
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) most_waiting = std::max(most_waiting, exporter.stats().waiting);
    });
    context.run();
    for (auto& t : threads) t.join();
    test::outcome<void> closed;
    exporter.async_close(aside.now() + 1min, closed.take());
    context.restart();
    context.run();
    CHECK(closed.answered());
    CHECK(most_waiting <= 300);
    CHECK(exporter.stats().exported + exporter.stats().dropped() == 900);
    CHECK((exporter.stats().exported > 0) == is_there);
  }
}

TEST_CASE("what is wrong with spans is told once each time that it changes, also by a log that takes its time", "[concurrency]") {
  boost::asio::io_context context;
  std::atomic<int> told{0};
  const runtime aside(context.get_executor(), {.log = [&](log_level, std::string_view, std::string_view) {
                        ++told;
                        std::this_thread::sleep_for(1ms);
                      }});
  const auto net = std::make_shared<http::memory_network>(aside);
  test::scripted_server collector(aside);
  int asked = 0;
  collector.next({test::answer_each{[&](const std::string&) { return says(++asked % 2 != 0 ? "400 Bad Request" : "403 Forbidden"); }}});
  net->listen("localhost", 80, collector.acceptor());
  http::otlp_options o{.endpoint = "http://localhost", .max_batch_spans = 1, .attempts = 1};
  o.client.network = net;
  http::otlp_exporter exporter(aside, o);
  constexpr int count = 50;
  for (int i = 0; i < count; ++i) exporter.take(exported_trace());
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { context.run(); });
  for (auto& t : threads) t.join();
  CHECK(exporter.stats().dropped_refused == count);
  CHECK(told == count);
}
