// SPDX-License-Identifier: BSL-1.0
#if CATENA_BENCH_CURL
#include <curl/curl.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <deque>
#include <stdexcept>

#include "llm/clients.hpp"

namespace bench {
namespace {

/// A request and what came of it.
struct transfer {
  CURL* easy = curl_easy_init();
  std::string body;
  std::string came;
  std::vector<double>* lags = nullptr;
  bool has_token = false;

  transfer(const std::string& url, const std::string& ca_file, curl_slist* fields) {
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (!ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
  }
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;
  ~transfer() { curl_easy_cleanup(easy); }
  void post(std::string what) {
    body = std::move(what);
    came.clear();
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.c_str());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  }
};

std::size_t keep_all(char* from, std::size_t, std::size_t n, void* to) {
  static_cast<transfer*>(to)->came.append(from, n);
  return n;
}

std::size_t keep_first_token(char* from, std::size_t, std::size_t n, void* to) {
  auto& t = *static_cast<transfer*>(to);
  if (t.has_token) return n;
  t.came.append(from, n);
  constexpr std::string_view before = R"("content":")";
  const std::size_t at = t.came.find(before);
  if (at == t.came.npos || t.came.find('"', at + before.size()) == t.came.npos) return n;
  t.has_token = true;
  if (t.lags) t.lags->push_back(age_of(t.came.substr(at + before.size())));
  return n;
}

std::string json_question(bool streamed) {
  nlohmann::json j{{"model", "made-up"}, {"messages", {{{"role", "user"}, {"content", question}}}}};
  if (streamed) j["stream"] = true;
  return j.dump();
}

struct curl_world {
  explicit curl_world(const server_process& s) : server(s) {
    fields = curl_slist_append(fields, "Content-Type: application/json");
    fields = curl_slist_append(fields, "Expect:");
  }
  curl_world(const curl_world&) = delete;
  curl_world& operator=(const curl_world&) = delete;
  ~curl_world() {
    for (transfer& t : all) curl_multi_remove_handle(multi, t.easy);
    all.clear();
    curl_multi_cleanup(multi);
    curl_slist_free_all(fields);
  }
  transfer& add(const std::string& path, std::size_t (*write)(char*, std::size_t, std::size_t, void*)) {
    transfer& t = all.emplace_back(server.url() + path + "/chat/completions", server.ca_file(), fields);
    curl_easy_setopt(t.easy, CURLOPT_WRITEFUNCTION, write);
    return t;
  }
  /// Tells each transfer that has ended; waits where none has.
  template <class Ended>
  void step(int wait_ms, Ended ended) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    bool any_ended = false;
    while (CURLMsg* m = curl_multi_info_read(multi, &left)) {
      if (m->msg != CURLMSG_DONE) continue;
      const CURLcode code = m->data.result;
      char* of = nullptr;
      curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &of);
      curl_multi_remove_handle(multi, m->easy_handle);
      if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
      ended(*reinterpret_cast<transfer*>(of));
      any_ended = true;
    }
    if (!any_ended) curl_multi_poll(multi, nullptr, 0, wait_ms, nullptr);
  }

  const server_process& server;
  CURLM* multi = curl_multi_init();
  curl_slist* fields = nullptr;
  std::deque<transfer> all;
};

class curl_calls final : public client {
 public:
  curl_calls(const server_process& server, bool reads_json) : world_(server), reads_json_(reads_json), ready_(json_question(false)) {
    curl_multi_setopt(world_.multi, CURLMOPT_MAXCONNECTS, 1000L);
  }
  void call(std::size_t count, std::size_t at_once) override {
    while (world_.all.size() < at_once) world_.add("whole", &keep_all);
    std::size_t begun = 0, ended = 0;
    const std::size_t all = count / at_once * at_once;
    const auto begin = [&](transfer& t) {
      t.post(reads_json_ ? json_question(false) : ready_);
      curl_multi_add_handle(world_.multi, t.easy);
      ++begun;
    };
    for (std::size_t i = 0; i < at_once; ++i) begin(world_.all[i]);
    while (ended < all)
      world_.step(1000, [&](transfer& t) {
        ++ended;
        if (reads_json_ ? nlohmann::json::parse(t.came)["choices"][0]["message"]["content"].get<std::string>().size() != 600 : t.came.size() < 600)
          throw std::runtime_error("wrong answer");
        if (begun < all) begin(t);
      });
  }

 private:
  curl_world world_;
  bool reads_json_;
  std::string ready_;
};

class curl_streams final : public stream_client {
 public:
  explicit curl_streams(const server_process& server) : world_(server) { curl_multi_setopt(world_.multi, CURLMOPT_MAXCONNECTS, 2000L); }

  std::vector<double> read(const std::vector<std::int64_t>& begins, const std::string& path) override {
    std::vector<double> lags;
    std::vector<transfer*> idle;
    const std::int64_t start = now_ns();
    std::size_t begun = 0, ended = 0;
    while (ended < begins.size()) {
      for (; begun < begins.size() && start + begins[begun] <= now_ns(); ++begun) {
        if (idle.empty()) idle.push_back(&world_.add(path, &keep_first_token));
        transfer& t = *idle.back();
        idle.pop_back();
        t.has_token = false;
        t.lags = &lags;
        t.post(json_question(true));
        curl_multi_add_handle(world_.multi, t.easy);
      }
      const std::int64_t wait = begun < begins.size() ? std::max<std::int64_t>(start + begins[begun] - now_ns(), 0) / 1'000'000 : 1000;
      world_.step(static_cast<int>(wait), [&](transfer& t) {
        ++ended;
        idle.push_back(&t);
      });
    }
    return lags;
  }
  void hold(std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      transfer& t = world_.add("idle", &keep_first_token);
      t.post(json_question(true));
      curl_multi_add_handle(world_.multi, t.easy);
    }
    while (std::ranges::any_of(world_.all, [](const transfer& t) { return !t.has_token; })) world_.step(1000, [](transfer&) {});
  }

 private:
  curl_world world_;
};

}  // namespace

std::unique_ptr<client> make_curl_chat(const server_process& server) { return std::make_unique<curl_calls>(server, true); }
std::unique_ptr<client> make_curl_http(const server_process& server) { return std::make_unique<curl_calls>(server, false); }
std::unique_ptr<stream_client> make_curl_streams(const server_process& server) { return std::make_unique<curl_streams>(server); }

}  // namespace bench
#endif
