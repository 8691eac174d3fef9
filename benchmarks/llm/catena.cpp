// SPDX-License-Identifier: BSL-1.0
#include <catena/http/client.hpp>
#include <catena/llm/chat_model.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <stdexcept>

#include "llm/clients.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
namespace http = catena::http;
namespace llm = catena::llm;

/// One executor, run by this thread.
struct caller {
  asio::io_context io{1};
  catena::runtime rt{io.get_executor()};
  std::exception_ptr failed;

  void spawn(asio::awaitable<void> what) {
    asio::co_spawn(io, std::move(what), [this](std::exception_ptr e) {
      if (e) failed = e;
    });
  }
  void run_one() {
    io.restart();
    io.run_one();
    if (failed) std::rethrow_exception(failed);
  }
  void run() {
    io.restart();
    io.run();
    if (failed) std::rethrow_exception(failed);
  }
};

llm::chat_options chat_options_for(const server_process& server, const std::string& path) {
  llm::chat_options o;
  o.provider = llm::generic();
  o.base_url = server.url() + path;
  o.model = "made-up";
  o.ca_file = server.ca_file();
  return o;
}

class catena_chat final : public client {
 public:
  explicit catena_chat(const server_process& server) : chat_(caller_.rt, chat_options_for(server, "whole")) {}
  void call(std::size_t count, std::size_t at_once) override {
    for (std::size_t i = 0; i < at_once; ++i) caller_.spawn(ask(chat_, count / at_once));
    caller_.run();
  }

 private:
  static asio::awaitable<void> ask(llm::chat_model chat, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      llm::messages asked{llm::message::user(question)};
      const llm::answer a = co_await chat.ask({}, std::move(asked));
      if (a.text().size() != 600) throw std::runtime_error("wrong answer");
    }
  }
  caller caller_;
  llm::chat_model chat_;
};

class catena_http final : public client {
 public:
  explicit catena_http(const server_process& server)
      : client_(caller_.rt), url_(http::url::parse(server.url() + "whole/chat/completions").value()) {}
  void call(std::size_t count, std::size_t at_once) override {
    for (std::size_t i = 0; i < at_once; ++i) caller_.spawn(ask(client_, url_, count / at_once));
    caller_.run();
  }

 private:
  static asio::awaitable<void> ask(http::client client, http::url to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      http::request what("POST", to);
      what.headers.set("Content-Type", "application/json");
      what.body = question;
      auto sending = client.async_send(std::move(what), {}, asio::use_awaitable);
      const catena::result<http::response> got = co_await std::move(sending);
      if (got.value().body.size() < 600) throw std::runtime_error("wrong answer");
    }
  }
  caller caller_;
  http::client client_;
  http::url url_;
};

class catena_streams final : public stream_client {
 public:
  explicit catena_streams(const server_process& server) : server_(server), held_(caller_.rt, chat_options_for(server, "idle")) {}

  std::vector<double> read(const std::vector<std::int64_t>& begins, const std::string& path) override {
    const llm::chat_model chat(caller_.rt, chat_options_for(server_, path));
    const auto start = caller_.rt.now();
    std::vector<double> lags;
    for (const std::int64_t begin : begins) caller_.spawn(read_one(caller_.rt, chat, start + std::chrono::nanoseconds(begin), lags));
    caller_.run();
    return lags;
  }
  void hold(std::size_t count) override {
    const std::size_t all = open_.size() + count;
    for (std::size_t i = 0; i < count; ++i) caller_.spawn(open_one(held_, open_));
    while (open_.size() < all) caller_.run_one();
  }

 private:
  static asio::awaitable<void> read_one(catena::runtime rt, llm::chat_model chat, catena::time_point when, std::vector<double>& lags) {
    co_await rt.async_wait_until(when, asio::use_awaitable);
    llm::messages asked{llm::message::user(question)};
    llm::answer_stream from = co_await chat.open({}, std::move(asked));
    std::optional<llm::answer_piece> piece = co_await from.next();
    lags.push_back(age_of(piece.value().text));
    while (piece) piece = co_await from.next();
  }
  static asio::awaitable<void> open_one(llm::chat_model chat, std::vector<llm::answer_stream>& open) {
    llm::messages asked{llm::message::user(question)};
    llm::answer_stream from = co_await chat.open({}, std::move(asked));
    std::optional<llm::answer_piece> piece = co_await from.next();
    if (!piece) throw std::runtime_error("no token");
    open.push_back(std::move(from));
  }
  const server_process& server_;
  caller caller_;
  llm::chat_model held_;
  std::vector<llm::answer_stream> open_;
};

}  // namespace

double age_of(const std::string& token) { return static_cast<double>(now_ns() - std::stoll(token.substr(1))); }

std::unique_ptr<client> make_catena_chat(const server_process& server) { return std::make_unique<catena_chat>(server); }
std::unique_ptr<client> make_catena_http(const server_process& server) { return std::make_unique<catena_http>(server); }
std::unique_ptr<stream_client> make_catena_streams(const server_process& server) { return std::make_unique<catena_streams>(server); }

}  // namespace bench
