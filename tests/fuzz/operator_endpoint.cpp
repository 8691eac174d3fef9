// SPDX-License-Identifier: BSL-1.0
/// \file
/// An operator's endpoint whose clients say and do anything, also hang up, stop reading and go on when it is closed or its executor is
/// gone: it answers nothing but well-formed HTTP, who has no token changes nothing, chains run on, and nothing is left behind.
#include <catena/chain.hpp>
#include <catena/incident/notifier.hpp>
#include <catena/inventory.hpp>
#include <catena/model.hpp>
#include <catena/observe/metrics.hpp>
#include <catena/observe/trace_ring.hpp>
#include <catena/observe/tracer.hpp>
#include <catena/residency/residency.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/support/served_world.hpp"

#include "fuzz/fuzz.hpp"

namespace catena::fuzz::operator_endpoint_target {

namespace asio = boost::asio;
namespace server = http::server;
using namespace std::chrono_literals;

enum class knows_token : bool { no, yes };

// ---- what is operated ----------------------------------------------------------------------------------------------------

struct run_count {
  int begun = 0;
  int ended = 0;
  int right = 0;
  int checked = 0;  ///< the first stage's attempts, of which no one succeeds
};

/// Answers an int with the next one.
struct next_number {
  void operator()(batch<int, int>& b) const {
    for (std::size_t i = 0; i < b.size(); ++i) b.answer(i, b.input(i) + 1);
  }
  void move_to(residency_level) {}
  [[nodiscard]] residency_book::footprint footprint() const { return {.hot = {{"cpu", 10}}}; }
};

runtime_options with_all_that_is_told(const std::shared_ptr<trace_ring>& ring) {
  tracer_options keep{.sinks = {ring}, .sample_share = 1, .keep_slower_than = 500ms};
  return {.metrics = std::make_shared<metrics>(), .tracer = tracer::create(std::move(keep))};
}

/// A service with a chain that is run, one whose run waits for a person, and a model that nobody has needed yet.
class service : public test::served_world {
 public:
  service(std::shared_ptr<trace_ring> ring, const http::memory_network_options& streams, std::uint64_t seed)
      : served_world(with_all_that_is_told(ring), {}, streams, seed), ring_(std::move(ring)) {
    begin(parking_);
    world.run_until_idle();
    require(!ticket_.empty());
  }

  void serve_operators(const server::server_bounds& bounds, server::token_needed needed) {
    auto rules = test::rules_of_tests();
    rules.needed = needed;
    auto routes = http::operator_routes(*rt, {.recent = ring_});
    for (server::route& r : routes)
      if (r.changes()) r.does = only_with_token(std::move(r.does));
    serve(std::move(routes), bounds, std::move(rules));
  }
  void begin_run() { begin(counting_); }

  [[nodiscard]] const std::string& ticket() const noexcept { return ticket_; }
  [[nodiscard]] const run_count& runs() const noexcept { return *count_; }
  /// All that requests could have changed.
  [[nodiscard]] bool is_unchanged() {
    world.advance(1min);
    const run_count before = *count_;
    begin_run();
    world.advance(1min);
    return count_->checked == before.checked + 2 && count_->right == before.right + 1 && rt->parked().size() == 1 && !is_hot("cold");
  }

 private:
  static server::handler only_with_token(server::handler does) {
    return [does = std::move(does)](const server::request& asked, server::reply to) {
      require(asked.headers.find("authorization").value_or("").ends_with(" " + test::the_token));
      require(asked.headers.find("origin").value_or("").find("elsewhere") == std::string_view::npos);
      does(asked, std::move(to));
    };
  }
  [[nodiscard]] bool is_hot(std::string_view model) const {
    return std::ranges::any_of(models_of(*rt), [&](const model_report& m) { return m.name == model && m.is_hot; });
  }
  void begin(const chain<int, int>& c) {
    ++count_->begun;
    c.async_run(1, [count = count_](const result<int>& r) {
      ++count->ended;
      if (r && *r == 2) ++count->right;
    });
  }
  static asio::awaitable<int> nap(runtime rt, int x) {
    co_await rt.async_wait_until(rt.now() + 1s, asio::use_awaitable);
    co_return x;
  }

  std::shared_ptr<trace_ring> ring_;
  std::shared_ptr<run_count> count_ = std::make_shared<run_count>();
  std::string ticket_;
  residency memory_{*rt, {.budgets = {{"cpu", 100}}}};
  model<int, int> model_ = make_model<int, int>(*rt, {.name = "m"}, next_number());
  model<int, int> cold_ = make_model<int, int>(*rt, {.name = "cold", .residency = memory_}, next_number());
  notifier us_{{.sinks = {[this](const incident& what) { ticket_ = what.parked.value().token; }}}};
  chain<int, int> counting_ = make_chain<int>(*rt, "c", [this](auto in) {
    const auto check = [count = count_](const int&) -> result<int> {
      ++count->checked;
      return errc::unavailable;
    };
    return in >> stage("check", check).retry({.retries = 1, .first_wait = 1ms}).fallback([](const int& x) { return x; }) >>
           stage("nap", [r = *rt](call, int x) { return nap(r, x); }).timeout(1min) >> stage("m", model_);
  });
  chain<int, int> parking_ = make_chain<int>(*rt, "p", [this](auto in) {
    const notify_options parks{.park = park_options{.limit = 10'000h}};
    return in >> stage("ask", [](const int&) -> result<int> { return failure(errc::expired, "no"); }).notify(us_, parks);
  });
};

// ---- what is answered ----------------------------------------------------------------------------------------------------

/// The value of a field that is there once.
std::string_view only(std::string_view head, const std::string& name) {
  const std::string begin = "\r\n" + name + ": ";
  const std::size_t at = head.find(begin);
  require(at != head.npos && at == head.rfind(begin));
  const std::string_view rest = head.substr(at + begin.size());
  return rest.substr(0, rest.find("\r\n"));
}

void expect_head(std::string_view head) {
  require(head.starts_with("HTTP/1.1 ") && head.size() > 12 && head[9] >= '2' && head[9] <= '5');
  require(only(head, "Cache-Control") == "no-store");
  require(only(head, "Content-Security-Policy").starts_with("default-src 'none'"));
  require(only(head, "Referrer-Policy") == "no-referrer");
  require(only(head, "X-Content-Type-Options") == "nosniff");
  for (std::string_view rest = head.substr(head.find("\r\n") + 2); !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size() + 2);
    require(line.find(": ") != line.npos);
    for (const char c : line) require(static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
  }
}

enum class cut_off : bool { no, yes };

/// All that came over one connection, of which the last answer may be cut off where the connection was.
void expect_answers(std::string_view text, cut_off may_be) {
  constexpr std::string_view go_ahead = "HTTP/1.1 100 Continue\r\n\r\n", begin = "HTTP/1.1 ";
  while (!text.empty()) {
    if (text.starts_with(go_ahead)) {
      text.remove_prefix(go_ahead.size());
      continue;
    }
    const std::size_t end = text.find("\r\n\r\n");
    if (end == text.npos) return require(may_be == cut_off::yes);
    const std::string_view head = text.substr(0, end + 2);
    expect_head(head);
    text.remove_prefix(end + 4);
    const std::string_view length = only(head, "Content-Length");
    std::size_t size = 0;
    require(std::from_chars(length.begin(), length.end(), size).ptr == length.end());
    if (text.empty() || text.starts_with(begin)) continue;  // of a HEAD
    if (text.size() < size) return require(may_be == cut_off::yes);
    if (only(head, "Content-Type").starts_with("application/json")) require(nlohmann::json::accept(text.substr(0, size)));
    text.remove_prefix(size);
  }
}

// ---- what is said --------------------------------------------------------------------------------------------------------

/// What requests are made of.
std::vector<std::string> words_of(const service& asked, knows_token known) {
  const std::string token = known == knows_token::yes ? test::the_token : std::string(test::the_token.size(), 'x');
  return {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
          "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
          "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
          "GET /metrics HTTP/1.1\r\nHost: localhost\r\n",
          "GET /chains HTTP/1.1\r\nHost: localhost\r\n",
          "GET /chains/c",
          "GET /models HTTP/1.1\r\nHost: localhost\r\n",
          "GET /runs HTTP/1.1\r\nHost: localhost\r\n",
          "POST /warmup HTTP/1.1\r\nHost: localhost\r\n",
          "PUT /policy HTTP/1.1\r\nHost: localhost\r\n",
          "POST /runs/" + asked.ticket() + " HTTP/1.1\r\nHost: localhost\r\n",
          "POST /runs/",
          "HEAD /",
          " HTTP/1.1\r\nHost: localhost\r\n",
          " HTTP/1.0\r\nHost: localhost\r\n",
          "Authorization: Bearer " + token + "\r\n",
          "Authorization: ",
          "Origin: http://localhost\r\n",
          "Origin: http://elsewhere\r\n",
          "Host: elsewhere\r\n",
          "Connection: close\r\n",
          "Expect: 100-continue\r\n",
          "Content-Length: ",
          "Transfer-Encoding: chunked\r\n",
          "Transfer-Encoding: chunked\r\n\r\n",
          "Accept: application/openmetrics-text\r\n",
          "\r\n",
          "\r\n\r\n",
          "0\r\n\r\n",
          "?format=",
          "svg",
          "mermaid",
          "dot",
          "%2f",
          R"({"models": ["cold"]})",
          R"({"models": ["c", "m"]})",
          R"({"decision": ")",
          "retry",
          "skip",
          "fail",
          "use",
          R"(", "reason": ")",
          R"(", "value": )",
          R"("})",
          R"({"stages": {"c/check": {"retry": {"retries": )",
          R"({"stages": {"c/nap": {"timeout": )",
          R"({"models": {"m": {"batch": {"max_size": )",
          "}}}}",
          "}}}",
          R"("1s")",
          "[[[["};
}

/// One input: what clients say and do, byte by byte. Most bytes are said as they are, and instead of some a word.
class course {
 public:
  /// \param piece  how many bytes are said at once at most
  course(service& of, knows_token known, std::size_t piece) : service_(of), words_(words_of(of, known)), piece_(piece) {}

  /// False: the executor is gone.
  bool follow(input& in) {
    while (!in.empty() && all_said_.size() < most_said) {
      const std::uint8_t b = in.byte();
      if (b >= first_deed) {
        if (!act(b - first_deed, in)) return false;
      } else if (b >= first_word && b - first_word < static_cast<int>(words_.size())) {
        text_ += words_[b - first_word];
      } else {
        text_ += static_cast<char>(b);
      }
    }
    say();
    service_.world.run_until_idle();
    return true;
  }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  [[nodiscard]] const std::string& all_said() const noexcept { return all_said_; }

  /// \param may_all_be  cut off
  void expect_well_answered(cut_off may_all_be) const {
    for (const auto& c : service_.clients) {
      expect_answers(c->received(), cut_off_.contains(c.get()) ? cut_off::yes : may_all_be);
      for (const std::string& secret : {test::the_token, service_.ticket()})
        require(all_said_.find(secret) != all_said_.npos || c->received().find(secret) == std::string::npos);
    }
  }

 private:
  static constexpr std::uint8_t first_word = 0x80, first_deed = 0xe0;
  static constexpr std::size_t most_said = 16384;

  bool act(int what, input& in) {
    testing::manual_world& world = service_.world;
    switch (what) {
      case 0: case 1: case 2: case 3:
        say();
        now_ = static_cast<std::size_t>(what);
        break;
      case 4: say(); break;
      case 5: body_ = text_.size(); break;
      case 6: text_.insert(body_from(), "Content-Length: " + std::to_string(text_.size() - body_from()) + "\r\n\r\n"); break;
      case 7: {
        std::array<char, 16> size{};
        const auto end = std::to_chars(size.begin(), size.end(), text_.size() - body_from(), 16).ptr;
        text_.insert(body_from(), std::string(size.begin(), end) + "\r\n");
        text_ += "\r\n";
        body_ = text_.size();
        break;
      }
      case 8:
        say();
        world.run_until_idle();
        break;
      case 9:
        say();
        for (std::uint8_t n = in.byte(); n-- > 0;) world.step();
        break;
      case 10:
        say();
        world.advance(100ms * in.byte());
        break;
      case 11:
        say();
        cut_off_.insert(&current());
        current().hang_up();
        clients_[now_] = nullptr;
        break;
      case 12:
        cut_off_.insert(&current());
        current().stop_reading();
        break;
      case 13: service_.begin_run(); break;
      case 14:
        say();
        closed_ = true;
        service_.server->close();
        break;
      case 15:
        say();
        world.destroy_executor();
        return false;
      default: break;
    }
    return true;
  }
  [[nodiscard]] std::size_t body_from() const noexcept { return std::min(body_, text_.size()); }
  test::raw_client& current() {
    if (!clients_[now_]) clients_[now_] = &service_.connect();
    return *clients_[now_];
  }
  void say() {
    body_ = 0;
    if (text_.empty()) return;
    for (std::size_t at = 0; at < text_.size(); at += piece_) current().say(text_.substr(at, piece_));
    all_said_ += std::exchange(text_, {});
  }

  service& service_;
  const std::vector<std::string> words_;
  const std::size_t piece_;
  std::array<test::raw_client*, 4> clients_{};
  std::set<const test::raw_client*> cut_off_;
  std::size_t now_ = 0;
  std::string text_;
  std::size_t body_ = 0;  ///< where it begins
  std::string all_said_;
  bool closed_ = false;
};

void hang_up(service& s) {
  for (const auto& c : s.clients) c->hang_up();
  s.world.advance(2min);
}

void expect_nothing_left(service& s) {
  hang_up(s);
  require(s.server->connection_count() == 0);
  s.server->close();
  s.world.run();
  require(s.world.context().outstanding_work_count() == 0);
  require(s.runs().ended == s.runs().begun);
}

void on_input(const std::uint8_t* data, std::size_t size) {
  static constexpr std::array<std::size_t, 4> pieces{65536, 1, 7, 60};
  static constexpr std::array<server::server_bounds, 2> bounds{{{.requests = {16384, 4096}},  //
                                                                {.requests = {1024, 200}, .most_connections = 2}}};
  input in(data, size);
  const std::uint8_t how = in.byte();
  const auto known = static_cast<knows_token>(how & 1);
  service s(std::make_shared<trace_ring>(), {.capacity = how >> 5 & 1 ? 1000U : 65536U}, in.byte());
  s.serve_operators(bounds[how >> 3 & 1], static_cast<server::token_needed>(how >> 4 & 1));
  course c(s, known, pieces[how >> 1 & 3]);
  const bool lives = c.follow(in);
  c.expect_well_answered(lives ? cut_off::no : cut_off::yes);
  const std::weak_ptr<server::http_server> watched = s.server;
  if (lives) {
    if (known == knows_token::no) require(s.is_unchanged());
    hang_up(s);
    if (!c.closed()) require(test::status_of(s.ask({.line = "GET /healthz", .fields = test::with_token})) == 200);
    expect_nothing_left(s);
  }
  require(s.server->connection_count() == 0);
  s.net.reset();
  s.server.reset();
  require(watched.expired());
}

const target registered("operator_endpoint", on_input);

}  // namespace catena::fuzz::operator_endpoint_target
