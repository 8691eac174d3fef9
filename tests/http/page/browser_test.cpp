// SPDX-License-Identifier: BSL-1.0
/// \file
/// The operator's page, as a browser shows it.
#include "src/http/operator_routes.hpp"
#include "src/http/server/server.hpp"
#include "src/http/server/tcp_listener.hpp"

#include <openssl/evp.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "http/page/browser.hpp"
#include "http/page/shop.hpp"

#include "support/catch.hpp"

using namespace catena;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using test::browser;
using test::live_service;

namespace {

using page_json = nlohmann::json;

/// Nothing: this test cannot run here, and says so.
std::unique_ptr<browser> a_browser() {
  const auto file = browser::program();
  if (file) return std::make_unique<browser>(*file);
  std::cout << "cannot run here: there is no chromium\n";
  return nullptr;
}

std::string page_at(std::uint16_t port) { return "http://127.0.0.1:" + std::to_string(port) + "/"; }

/// As in "8.65 ms", or "1.02 %".
double shown_number(const std::string& text) {
  const double number = std::strtod(text.c_str(), nullptr);
  return text.ends_with(" µs") ? number * 1e-6 : text.ends_with(" ms") ? number * 1e-3 : text.ends_with(" %") ? number / 100 : number;
}

const metric_set::series& histogram_of(const metric_set& all, const char* family, const std::string& labels) { return all.families().at(family).all.at(labels); }

/// A chain's figures, and what is said of its only stage, beside what is measured.
void check_shown(browser& b, const metric_set& all, const std::string& chain) {
  const page_json figures = b.ask("[...document.querySelectorAll('.figures dd')].map(d => d.textContent)");
  const std::string of_chain = "chain=\"" + chain + "\"", of_stage = of_chain + ",stage=\"work\"";
  const auto& runs = all.families().at("catena_run_duration_seconds");
  const auto& stages = all.families().at("catena_stage_duration_seconds");
  const double failed = all.value("catena_runs", of_chain + ",outcome=\"failed\"");
  const double ended = failed + all.value("catena_runs", of_chain + ",outcome=\"answered\"");
  const auto shows = [](const page_json& text, double value) {
    CAPTURE(text.dump(), value);
    CHECK(std::abs(shown_number(text.get<std::string>()) - value) <= 0.006 * value);
  };
  REQUIRE(figures.size() == 5);
  shows(figures[1], quantile(runs, runs.all.at(of_chain), 0.5));
  shows(figures[2], quantile(runs, runs.all.at(of_chain), 0.99));
  shows(figures[3], failed / ended);
  CHECK(figures[4] == "0");
  const std::string stage = b.text(".about");
  const auto said = [&](const std::string& what) {
    const std::size_t at = stage.find(what);
    return at == stage.npos ? std::string() : stage.substr(at + what.size(), stage.find(" ·", at) - at - what.size());
  };
  const auto& s = histogram_of(all, "catena_stage_duration_seconds", of_stage);
  shows(said("p50 "), quantile(stages, s, 0.5));
  shows(said("p99 "), quantile(stages, s, 0.99));
  CHECK_THAT(stage, ContainsSubstring(std::to_string(s.count) + " times"));
  CHECK_THAT(stage, ContainsSubstring(std::to_string(static_cast<int>(failed)) + " failed: busy"));
}

/// The operator's routes where also who reads needs the token, but without the TLS that the endpoint insists on.
struct guarded_place {
  explicit guarded_place(const runtime& rt)
      : server(std::make_shared<http::server::http_server>(
            rt.state(),
            http::server::service(http::operator_routes(rt, {}), {.hosts = {"127.0.0.1"}, .token = token, .needed = http::server::token_needed::to_ask_at_all}),
            http::server::server_bounds{}, nullptr)),
        listener(std::make_shared<http::server::tcp_listener>(rt.state(), boost::asio::ip::address_v4::loopback(), std::uint16_t{0})) {
    rt.state()->add_executor_user(listener);
    rt.state()->add_executor_user(server);
    listener->start([to = server](std::shared_ptr<http::transport> stream) { to->accept(std::move(stream)); });
  }
  ~guarded_place() {
    listener->close();
    server->close();
  }
  inline static const std::string token = "the token of this page";
  std::shared_ptr<http::server::http_server> server;
  std::shared_ptr<http::server::tcp_listener> listener;
};

void type_into(browser& b, const std::string& text) {
  b.say("Input.insertText", {{"text", text}});
  b.press("Enter", 13);
}

void save_picture(const std::string& base64, const std::string& file) {
  std::vector<unsigned char> bytes(base64.size());
  const int count = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(base64.data()), static_cast<int>(base64.size()));
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), count - std::ranges::count(base64.substr(base64.size() - 2), '='));
}

}  // namespace

TEST_CASE("the operator's page shows what is measured, goes on with it, and says when nobody answers") {
  const auto b = a_browser();
  if (!b) return;
  live_service here;
  const auto c = here.make_plain("orders", {.least = 1ms, .spread_ms = 20, .fails_one_in = 4});
  here.run(c, 40);
  b->open(page_at(here.endpoint->port()));
  REQUIRE(b->sees("document.body?.className === 'live' && document.querySelector('.node')"));
  b->click(".node");
  b->click("input[value=start]");
  REQUIRE(b->sees("document.querySelector('.about').textContent.includes('40 times')"));
  check_shown(*b, here.rt.metrics(), "orders");
  here.run(c, 25);
  REQUIRE(b->sees("document.querySelector('.about').textContent.includes('65 times')"));
  check_shown(*b, here.rt.metrics(), "orders");
  b->click("input[value=minute]");
  CHECK(b->sees("document.querySelector('.about').textContent.includes('25 times')"));
  CHECK(b->complaints() == std::vector<std::string>());
  here.endpoint->close();
  CHECK(b->sees("/no answer since \\d+ s/.test(document.querySelector('#state').textContent)"));
}

TEST_CASE("what is named like an element is shown as text, and the page's runs open by keyboard") {
  const auto b = a_browser();
  if (!b) return;
  live_service here;
  const std::string chain = "<script>alert(1)</script>", stage_name = "<img src=x onerror=alert(2)>";
  const auto c = make_chain<int>(here.rt, chain, [&](auto in) {
    return in >> stage(stage_name, [](const int&) -> result<int> { return failure(errc::busy, "<b onclick=alert(3)>no</b>"); });
  });
  here.run(c, 1);
  b->open(page_at(here.endpoint->port()));
  REQUIRE(b->sees("document.querySelector('.node') && document.querySelector('.run')"));
  CHECK(b->text("h3") == chain);
  CHECK(b->text(".node b") == stage_name);
  b->ask("document.querySelector('.run').focus()");
  b->press("Enter", 13);
  CHECK(b->sees("document.querySelector('.fall')?.offsetHeight > 0"));
  CHECK_THAT(b->text(".fall"), ContainsSubstring(stage_name) && ContainsSubstring("<b onclick=alert(3)>no</b>"));
  CHECK(b->ask("[document.scripts.length, document.images.length, document.querySelectorAll('main [onclick]').length]") == page_json::array({1, 0, 0}));
  CHECK(b->complaints() == std::vector<std::string>());
}

TEST_CASE("the page says what it cannot show where nothing is measured") {
  const auto b = a_browser();
  if (!b) return;
  live_service here({}, test::watched::no);
  const auto c = here.make_plain("orders", {});
  b->open(page_at(here.endpoint->port()));
  REQUIRE(b->sees("document.body?.className === 'live'"));
  CHECK_THAT(b->text("#no_metrics"), ContainsSubstring("runtime_options::metrics"));
  CHECK_THAT(b->text("#no_tracer"), ContainsSubstring("runtime_options::tracer"));
  CHECK(b->text(".figures dd") == "–");
  CHECK(b->sees("document.querySelector('.node')"));
  CHECK(b->complaints() == std::vector<std::string>());
}

TEST_CASE("the page asks for a token where one is needed, and keeps it out of its address") {
  const auto b = a_browser();
  if (!b) return;
  live_service here;
  const guarded_place guarded(here.rt);
  b->open(page_at(guarded.listener->port()));
  REQUIRE(b->sees("document.querySelector('#ask').open"));
  type_into(*b, "another token");
  REQUIRE(b->sees("document.querySelector('#why').textContent === 'That was not the token.' && document.querySelector('#ask').open"));
  type_into(*b, guarded_place::token);
  CHECK(b->sees("document.body?.className === 'live'"));
  CHECK(b->ask("document.querySelector('#ask').open") == false);
  CHECK(b->ask("location.href") == page_at(guarded.listener->port()));
  CHECK(b->ask("[localStorage.length, document.cookie]") == page_json::array({0, ""}));
  b->say("Page.reload");
  CHECK(b->sees("document.body?.className === 'live'"));  // it is kept for this tab
  for (const std::string& complaint : b->complaints()) CHECK_THAT(complaint, ContainsSubstring("the server responded with a status of 401"));
}

// For the README, and for whoever changes the page: catena_http_tests 'pictures of the page' writes page.png and run.png, and dark.png and
// narrow.png to look at.
TEST_CASE("pictures of the page", "[.]") {
  const auto b = a_browser();
  if (!b) return;
  test::shop shop({.port = 9090});
  shop.ask({38, 85, 0.4});
  b->resize(1240, 1000);
  b->say("Emulation.setScrollbarsHidden", {{"hidden", true}});
  b->open(page_at(shop.here.endpoint->port()));
  std::this_thread::sleep_for(50s);
  b->ask("document.querySelectorAll('h3 button')[2].click()");
  const auto shoot = [&](const std::string& file, const std::string& from, const std::string& to) {
    std::this_thread::sleep_for(500ms);
    const page_json place = b->ask("(() => { const y = document.querySelector('" + from + "').getBoundingClientRect().top + scrollY - 14;"
                              "return {x: 0, y, width: innerWidth, height: document.querySelector('" + to + "').getBoundingClientRect().bottom + scrollY + 16 - y, scale: 2}; })()");
    save_picture(b->say("Page.captureScreenshot", {{"format", "png"}, {"clip", place}, {"captureBeyondViewport", true}})["data"], file);
  };
  shoot("page.png", "header", "#models");
  b->click("input[value=sampled]");
  const std::string retried = "ended('sampled').findIndex(t => t.spans[0].name === 'checkout' && t.spans.filter(s => s.name === 'attempt').length > 2)";
  b->ask("document.querySelectorAll('.run')[Math.max(0, " + retried + ")].click()");
  shoot("run.png", "li:has(.fall)", "li:has(.fall)");
  b->prefer("prefers-color-scheme", "dark");
  shoot("dark.png", "header", "footer");
  b->resize(400, 900);
  shoot("narrow.png", "header", "footer");
}
