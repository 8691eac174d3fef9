// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Who asks: catena, and libcurl's multi interface.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "llm/server.hpp"

namespace bench {

/// A client on one thread. Whoever asks for something waits until it is done.
class client {
 public:
  virtual ~client() = default;
  /// Asks for so many whole answers, so many at once. Throws where one is wrong.
  virtual void call(std::size_t count, std::size_t at_once) = 0;
};

/// A client that reads streams.
class stream_client {
 public:
  virtual ~stream_client() = default;
  /// Reads a stream for each moment (nanoseconds from now), and tells of each how long after it was written its first token was there.
  virtual std::vector<double> read(const std::vector<std::int64_t>& begins, const std::string& path) = 0;
  /// Opens so many streams that say nothing more after their first token; they stay open as long as the client.
  virtual void hold(std::size_t count) = 0;
};

/// The whole of llm::chat_model.
std::unique_ptr<client> make_catena_chat(const server_process& server);
/// http::client alone, with a body that is ready.
std::unique_ptr<client> make_catena_http(const server_process& server);
std::unique_ptr<stream_client> make_catena_streams(const server_process& server);

#if CATENA_BENCH_CURL
/// What is asked written by nlohmann_json, and what comes read by it, as chat_model does.
std::unique_ptr<client> make_curl_chat(const server_process& server);
/// A body that is ready, and an answer that nobody looks at.
std::unique_ptr<client> make_curl_http(const server_process& server);
/// Looks for the time in the first token, and at nothing else.
std::unique_ptr<stream_client> make_curl_streams(const server_process& server);
#endif

/// What each call asks.
inline const std::string question(1000, 'q');
/// How long ago a token was written.
[[nodiscard]] double age_of(const std::string& token);

}  // namespace bench
