// SPDX-License-Identifier: BSL-1.0
// A model's server that says the same to everybody, whole or streamed, for tests of programs: prints its URL, and ends with its standard
// input. The first argument is what it says.
#include <boost/asio/io_context.hpp>

#include <iostream>
#include <string>
#include <thread>

#include "llm/support/chat_world.hpp"

int main(int argc, char** argv) {
  using namespace catena;
  const std::string says = argc > 1 ? argv[1] : "nothing";
  boost::asio::io_context io(1);
  test::scripted_server server(runtime(io.get_executor()));
  server.next({test::answer_each{[&](const std::string& request) -> test::answer_each::reply {
    if (request.find(R"("stream":true)") == std::string::npos)
      return {{}, test::chat_world::ok(test::chat_world::completion(R"({"role":"assistant","content":)" + test::quoted(says) + "}", R"("usage":{"prompt_tokens":100,"completion_tokens":10})"))};
    std::string events;
    for (std::size_t at = 0; at < says.size(); at += 5) events += test::token(says.substr(at, 5));
    return {{}, test::in_chunks(events + test::last_events("stop", 10), 100, "Content-Type: text/event-stream\r\n")};
  }}});
  std::cout << "http://127.0.0.1:" << server.listen() << "/v1" << std::endl;
  std::thread until_closed([&] {
    for (std::string line; std::getline(std::cin, line);) continue;
    io.stop();
  });
  io.run();
  until_closed.join();
}
