// SPDX-License-Identifier: BSL-1.0
#include "collector.hpp"

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace batching {
namespace {

constexpr char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
constexpr long half_a_second_ns = 500'000'000;

[[nodiscard]] bool is_away(taking how) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return how == taking::flapping && now.tv_nsec >= half_a_second_ns;
}

/// Reads one request; false: the connection has ended.
[[nodiscard]] bool read_request(int connection) {
  static char head[1 << 16];
  std::size_t size = 0;
  const char* body = nullptr;
  while (!body) {
    const ssize_t read = ::read(connection, head + size, sizeof head - 1 - size);
    if (read <= 0) return false;
    size += static_cast<std::size_t>(read);
    head[size] = '\0';
    body = std::strstr(head, "\r\n\r\n");
  }
  const char* const length = ::strcasestr(head, "content-length:");
  if (!length) return false;
  const auto behind = static_cast<ssize_t>(size - static_cast<std::size_t>(body + 4 - head));
  for (ssize_t left = std::strtol(length + 15, nullptr, 10) - behind; left > 0;) {
    const ssize_t read = ::read(connection, head, sizeof head);
    if (read <= 0) return false;
    left -= read;
  }
  return true;
}

/// Runs where the process was forked, so it only calls what may be called there.
[[noreturn]] void take_traces(int listening, taking how) {
  for (;;) {
    const int connection = ::accept(listening, nullptr, nullptr);
    while (!is_away(how) && read_request(connection) && !is_away(how)) {
      if (how == taking::slow) {
        const timespec wait{0, half_a_second_ns};
        ::nanosleep(&wait, nullptr);
      }
      if (::send(connection, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) break;
    }
    ::close(connection);
  }
}

}  // namespace

collector::collector(taking how) {
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(listening, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::getsockname(listening, reinterpret_cast<sockaddr*>(&at), &size) != 0)
    throw std::runtime_error("no port on loopback");
  url_ = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  if (how != taking::down) {
    if (::listen(listening, 16) != 0) throw std::runtime_error("cannot listen on loopback");
    const pid_t parent = ::getpid();
    child_ = ::fork();
    if (child_ < 0) throw std::runtime_error("no process");
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(0);
      take_traces(listening, how);
    }
  }
  ::close(listening);
}

collector::~collector() {
  if (child_ <= 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

}  // namespace batching
