// SPDX-License-Identifier: BSL-1.0
#include "server.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <stdexcept>

extern char** environ;

namespace bench {

/// Its standard input tells it when to end, and its standard output where it is.
server_process::server_process(wire how) {
  int to[2], from[2];
  if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, to[0], 0);
  ::posix_spawn_file_actions_adddup2(&actions, from[1], 1);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  std::string serve = "--serve", wire = how == wire::tls ? "tls" : "plain";
  std::array<char*, 4> arguments{const_cast<char*>(self.c_str()), serve.data(), wire.data(), nullptr};
  const int failed = ::posix_spawn(&child_, self.c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(to[0]);
  ::close(from[1]);
  until_closed_ = to[1];
  std::string told;
  for (char c = 0; failed == 0 && ::read(from[0], &c, 1) == 1 && c != '\n';) told += c;
  ::close(from[0]);
  const std::size_t space = told.find(' ');
  if (space == told.npos) throw std::runtime_error("the server did not start");
  url_ = told.substr(0, space);
  ca_file_ = told.substr(space + 1);
}

server_process::~server_process() {
  ::close(until_closed_);
  int status = 0;
  ::waitpid(child_, &status, 0);
}

}  // namespace bench
