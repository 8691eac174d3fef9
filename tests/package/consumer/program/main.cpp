// SPDX-License-Identifier: BSL-1.0
#include <catena/catena.hpp>
#ifdef WITH_TORCH
#include <catena/torch/script_model.hpp>
#endif
#ifdef WITH_LLM
#include <catena/llm/chat_model.hpp>
#endif
#ifdef WITH_TESTING
#include <catena/testing/manual_world.hpp>
#endif

#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdio>
#include <string>

int main() {
  boost::asio::thread_pool pool{1};
  catena::runtime rt{pool.get_executor()};
  auto next = catena::make_chain<int>(rt, "next", [](auto in) { return in >> catena::stage("add", [](int x) { return x + 1; }); });
#ifdef WITH_TORCH
  // A missing file is enough to show that LibTorch is linked: it is the library that says so.
  try {
    catena::torch::script_model<int, int> model{rt, {.name = "none", .file = "no such file"},
                                                [](const int&, auto&&) {}, [](auto&&) { return 0; }};
    return 1;
  } catch (const std::exception& e) {
    std::printf("%s\n", e.what());
  }
#endif
#ifdef WITH_LLM
  // A port that nobody listens on is enough to show that the model and its client are linked, and that OpenSSL is, which they need.
  catena::llm::chat_model chat(rt, {.provider = catena::llm::generic(), .base_url = "https://127.0.0.1:1", .model = "none"});
  auto ask = catena::make_chain<std::string>(rt, "ask", [&](auto in) { return in >> catena::stage("ask", chat); });
  auto refused = ask.async_run(std::string("anybody?"), boost::asio::use_future).get();
  std::printf("%s\n", refused.error().to_string().c_str());
#endif
  auto r = next.async_run(41, boost::asio::use_future).get();
  std::printf("%d\n", *r);
  return *r == 42 ? 0 : 1;
}
