// SPDX-License-Identifier: BSL-1.0
#include "src/http/tcp_network.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/socket.h>

#include "http/support/http_world.hpp"

#include "support/catch.hpp"
#include "support/sanitized.hpp"

using namespace catena;
using namespace std::chrono_literals;
using boost::asio::ip::make_address;
using boost::asio::ip::tcp;

namespace {

/// What a stream is opened for.
struct opening : http::io_node {
  opening() {
    ended = [](io_node& n, wake how, failure w, std::size_t) {
      auto& self = static_cast<opening&>(n);
      if (how == wake::resumed) self.why = std::move(w);
      self.done = true;
    };
  }
  void run(boost::asio::io_context& context) {
    context.restart();
    while (!done) REQUIRE(context.run_one() == 1);
  }
  std::atomic<bool> done{false};
  failure why;
};

/// Virtual time in which an alarm rings as soon as it is set, once each time that it is asked for: the next reading is the last one before it.
class hasty_time final : public time_source {
 public:
  void ring_at_once(duration what_is_waited) { step_.store(what_is_waited.count(), std::memory_order_release); }
  [[nodiscard]] time_point now() const noexcept override {
    return time_point(duration(now_.fetch_add(step_.exchange(0, std::memory_order_acq_rel), std::memory_order_acq_rel)));
  }
  [[nodiscard]] bool is_real() const noexcept override { return false; }
  [[nodiscard]] std::unique_ptr<catena::alarm> make_alarm(const boost::asio::any_io_executor& executor, std::function<void()> ring) override {
    return std::make_unique<bell>(*this, executor, std::move(ring));
  }

 private:
  struct bell final : catena::alarm {
    bell(const hasty_time& t, const boost::asio::any_io_executor& e, std::function<void()> r) : time(t), executor(e), ring(std::move(r)) {}
    void set(time_point when) override {
      if (when <= time.now()) boost::asio::post(executor, ring);
    }
    void clear() override {}
    const hasty_time& time;
    const boost::asio::any_io_executor executor;
    const std::function<void()> ring;
  };
  mutable std::atomic<duration::rep> now_{duration(1h).count()};
  mutable std::atomic<duration::rep> step_{0};
};

/// No thread can be made while it lives: none has so much memory for its stack.
class no_threads {
 public:
  no_threads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t none;
    pthread_attr_init(&none);
    pthread_attr_setstacksize(&none, std::size_t{1} << 50);
    pthread_setattr_default_np(&none);
    pthread_attr_destroy(&none);
  }
  no_threads(const no_threads&) = delete;
  no_threads& operator=(const no_threads&) = delete;
  ~no_threads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_;
};

/// A gate that lookups stand before until a test opens it. They keep it: a test may be over before they have left.
struct slow_lookups {
  http::result_of_lookup operator()(const std::string&) {
    std::unique_lock lock(mutex);
    ++begun;
    changed.notify_all();
    changed.wait(lock, [&] { return open; });
    return http::addresses{make_address("127.0.0.1")};
  }
  void wait_for(int count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return begun >= count; });
  }
  void let_go() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  std::mutex mutex;
  std::condition_variable changed;
  int begun = 0;
  bool open = false;
};

}  // namespace

TEST_CASE("the addresses of a name are tried in turn, also when one does not answer", "[concurrency]") {
  boost::asio::io_context context(1);
  const runtime rt(context.get_executor());
  tcp::acceptor listening(context, tcp::endpoint(make_address("127.0.0.1"), 0));
  const auto port = listening.local_endpoint().port();
  // 127.0.0.2 refuses, and 192.0.2.1 is nobody's: it does not answer, or cannot be reached.
  http::tcp_network net(rt.state(), {.next_address_after = 50ms},
                        [](const std::string&) { return http::addresses{make_address("127.0.0.2"), make_address("192.0.2.1"), make_address("127.0.0.1")}; });
  opening open;
  const auto stream = net.open("some.host", port, open);
  open.run(context);
  CHECK_FALSE(open.why.is_set());
  stream->close();
}

TEST_CASE("an address that is tried because the one before it has failed has its own time, also when that one's is over just then", "[concurrency]") {
  const auto time = std::make_shared<hasty_time>();
  boost::asio::io_context context;
  const runtime rt(context.get_executor(), {.time = time});
  // The first address refuses, the second one, where as many wait to be accepted as may, does not answer, and the third one would.
  tcp::acceptor listening(context, tcp::endpoint(make_address("127.0.0.3"), 0)), full(context, tcp::v4());
  const auto port = listening.local_endpoint().port();
  full.bind(tcp::endpoint(make_address("127.0.0.1"), port));
  full.listen(0);
  std::vector<tcp::socket> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back(context, tcp::v4()).non_blocking(true);
    const auto to = full.local_endpoint();
    (void)::connect(waiting.back().native_handle(), to.data(), static_cast<socklen_t>(to.size()));  // not Asio's, which waits for its end
  }
  http::tcp_network net(rt.state(), {.next_address_after = 1ms},
                        [](const std::string&) { return http::addresses{make_address("127.0.0.2"), make_address("127.0.0.1"), make_address("127.0.0.3")}; });
  const auto work = boost::asio::make_work_guard(context);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { context.run(); });
  int left_early = 0;
  for (int i = 0; i < test::times(1500, 300); ++i) {
    time->ring_at_once(1ms);
    opening open;
    const auto stream = net.open("some.host", port, open);
    const auto until = std::chrono::steady_clock::now() + 200us;
    while (!open.done && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    stream->close();
    while (!open.done) std::this_thread::yield();
    left_early += !open.why.is_set();
  }
  context.stop();
  for (auto& t : threads) t.join();
  CHECK(left_early == 0);
}

TEST_CASE("a name is not known where no thread can look it up, and others are looked up later", "[concurrency]") {
  boost::asio::io_context context(1);
  const runtime rt(context.get_executor());
  tcp::acceptor listening(context, tcp::endpoint(make_address("127.0.0.1"), 0));
  http::tcp_network net(rt.state(), {.most_lookups = 1}, [](const std::string&) { return http::addresses{make_address("127.0.0.1")}; });
  for (int i = 0; i < 2; ++i) {
    opening failed, open;
    std::shared_ptr<http::transport> stream;
    {
      const no_threads none;
      REQUIRE_NOTHROW(stream = net.open("some.host", 1, failed));
    }
    failed.run(context);
    CHECK(failed.why.is(errc::unavailable));
    CHECK_THAT(failed.why.message(), Catch::Matchers::ContainsSubstring("no address of some.host is looked up"));
    CHECK(net.busy_lookups() == 0);
    stream = net.open("some.host", listening.local_endpoint().port(), open);
    open.run(context);
    CHECK_FALSE(open.why.is_set());
    stream->close();
  }
}

TEST_CASE("a name that nobody knows and addresses that all refuse say so", "[concurrency]") {
  boost::asio::io_context context(1);
  const runtime rt(context.get_executor());
  const auto why = [&](http::lookup_line::function look_up, const std::string& host) {
    http::tcp_network net(rt.state(), {}, std::move(look_up));
    opening open;
    const auto stream = net.open(host, 1, open);
    open.run(context);
    CHECK(open.why.is(errc::unavailable));
    return open.why.message();
  };
  const auto unused = [](const std::string&) -> http::result_of_lookup { return failure(errc::stage_failed); };
  CHECK(why([](const std::string& h) -> http::result_of_lookup { return failure(errc::unavailable, "no address is known for " + h); }, "a.b") == "no address is known for a.b");
  CHECK_THAT(why(unused, "127.0.0.1"), Catch::Matchers::ContainsSubstring("cannot connect to 127.0.0.1, port 1: Connection refused"));
  CHECK_THAT(why(unused, "localhost"), Catch::Matchers::ContainsSubstring("cannot connect to localhost, port 1, the last of its 2 addresses: "));
}

TEST_CASE("lookups that hang are abandoned, no more than the limit at once, and those behind them begin when one ends", "[concurrency]") {
  const auto lookups = std::make_shared<slow_lookups>();
  {
    boost::asio::io_context context(1);
    const runtime rt(context.get_executor());
    tcp::acceptor listening(context, tcp::endpoint(make_address("127.0.0.1"), 0));
    const auto port = listening.local_endpoint().port();
    http::tcp_network net(rt.state(), {.most_lookups = 2}, [lookups](const std::string& h) { return (*lookups)(h); });
    opening first, second, third;
    const auto a = net.open("a", port, first), b = net.open("b", port, second), c = net.open("c", port, third);
    lookups->wait_for(2);
    a->close();
    b->close();
    first.run(context);
    second.run(context);
    CHECK(first.why.is(errc::cancelled));
    CHECK(lookups->begun == 2);
    CHECK_FALSE(third.done);
    lookups->let_go();
    third.run(context);
    CHECK_FALSE(third.why.is_set());
    c->close();
  }
}

TEST_CASE("an executor may be destroyed while a lookup hangs", "[concurrency]") {
  const auto lookups = std::make_shared<slow_lookups>();
  const auto done = std::make_unique<opening>();
  {
    std::optional<boost::asio::io_context> context(1);
    const runtime rt(context->get_executor());
    http::tcp_network net(rt.state(), {}, [lookups](const std::string& h) { return (*lookups)(h); });
    const auto stream = net.open("a", 1, *done);
    lookups->wait_for(1);
    context.reset();
    CHECK_FALSE(done->done);
    lookups->let_go();
    while (!done->done) std::this_thread::yield();
    CHECK(net.busy_lookups() == 0);
  }
  CHECK_FALSE(done->why.is_set());
}

TEST_CASE("many requests on several threads are all answered, also while others are cancelled", "[concurrency]") {
  for (const test::wire how : {test::wire::plain, test::wire::tls}) {
    constexpr int count = 60;
    boost::asio::io_context context;
    const runtime rt(context.get_executor());
    // The server is scripted for one thread, and so has one of its own.
    boost::asio::io_context there(1);
    const runtime server_rt(there.get_executor());
    test::scripted_server server(server_rt, how == test::wire::tls ? test::localhost() : nullptr);
    test::script does;
    for (int i = 0; i < count; ++i) {
      does.push_back(test::await_request{});
      does.push_back(test::send{test::in_chunks(std::string(3000, 'x'), 700)});
    }
    server.next(does);
    const auto target = http::url::parse((how == test::wire::tls ? "https" : "http") + std::string("://localhost:") + std::to_string(server.listen())).value();
    http::client_options options;
    options.most_connections = 4;
    options.ca_file = test::the_authority().ca_file();
    const http::client client(rt, options);
    std::atomic<int> answered{0}, ended{0};
    std::vector<std::unique_ptr<boost::asio::cancellation_signal>> signals;
    std::thread serving([&] {
      const auto work = boost::asio::make_work_guard(there);
      there.run();
    });
    for (int i = 0; i < count; ++i) {
      const auto strand = boost::asio::make_strand(boost::asio::any_io_executor(context.get_executor()));
      auto& signal = *signals.emplace_back(std::make_unique<boost::asio::cancellation_signal>());
      client.async_send({"GET", target}, {},
                        boost::asio::bind_executor(strand, boost::asio::bind_cancellation_slot(signal.slot(), [&](result<http::response> r) {
                                                     answered += r && r->body.size() == 3000;
                                                     ++ended;
                                                   })));
      if (i % 3 == 0) boost::asio::post(strand, [&signal] { signal.emit(boost::asio::cancellation_type::terminal); });
    }
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { context.run(); });
    for (auto& t : threads) t.join();
    CHECK(ended == count);
    CHECK(answered >= count - count / 3);
    CHECK(client.stats().connections == client.stats().idle);
    client.close_idle();
    there.stop();
    serving.join();
  }
}
