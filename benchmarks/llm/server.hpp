// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A server of made-up answers, in a process of its own, so that what a client takes can be told apart from what the server takes.
#include <cstdint>
#include <string>
#include <sys/types.h>

namespace bench {

enum class wire : bool { plain, tls };

/// How it answers is in the path of the base URL:
///   whole                        a completion, at once
///   paced-FIRST-INTERVAL-COUNT   the first token after so many microseconds, and one more each interval
///   idle                         one token, and nothing more
/// A token is `t` and the steady clock's nanoseconds when it was written.
class server_process {
 public:
  explicit server_process(wire how);
  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;
  ~server_process();

  /// "http://127.0.0.1:PORT/", where paths go behind.
  [[nodiscard]] const std::string& url() const noexcept { return url_; }
  /// Of the authority that clients are to trust; empty where the wire is plain.
  [[nodiscard]] const std::string& ca_file() const noexcept { return ca_file_; }

 private:
  pid_t child_ = 0;
  int until_closed_ = -1;  ///< the server ends when this does
  std::string url_;
  std::string ca_file_;
};

/// What main() does when it is called as the server: `program --serve plain|tls`. Returns its exit status.
int serve(wire how);

/// Nanoseconds of the steady clock, as a token has them.
[[nodiscard]] std::int64_t now_ns() noexcept;

}  // namespace bench
