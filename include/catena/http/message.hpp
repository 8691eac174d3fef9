// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What is asked, and what is answered.
#include <catena/http/fields.hpp>
#include <catena/http/timeouts.hpp>
#include <catena/http/url.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace catena::http {

/// Which answers are a success.
enum class success : std::uint8_t {
  status_2xx,  ///< all others are failures that tell what the server said: what a chain's recovery goes by
  any_status
};

/// What keeps a response from being given up as stalled.
enum class progress : bool {
  bytes,  ///< whatever comes
  told    ///< what its reader says by response_stream::progressed(), as comments in a stream of events are none
};

/// What has become of a request, for whom a failure does not tell enough.
struct request_fate {
  std::atomic<bool> sent{false};  ///< set before the first byte of it is given to a connection: until then the server cannot know of it
  std::atomic<int> status{0};     ///< of the response; zero: its head has not come
};

/// What becomes of a request's connection when its response is here.
enum class afterwards : bool {
  kept,   ///< another request may have it
  closed  ///< the server is told so: for one that closes it in any case, and does not say so
};

/// One request. Host, Content-Length, Connection and the like are written by the client.
/// It has a constructor so that g++ 12 takes it in a co_await expression.
struct request {
  request(std::string of_method, url to) : method(std::move(of_method)), target(std::move(to)) {}

  std::string method;
  url target;
  fields headers;
  std::string body;
  /// The one type of content that is taken, as in "application/json"; empty: any.
  std::string accept;
  http::success success = success::status_2xx;
  http::progress progress = progress::bytes;
  http::afterwards connection = afterwards::kept;
  /// Goes before client_options::timeouts.
  std::optional<client_timeouts> timeouts = std::nullopt;
  /// Is told. Null: nobody asks.
  std::shared_ptr<request_fate> fate = nullptr;
};

/// How a response begins.
struct response_head {
  int status = 0;
  std::string reason;
  fields headers;
};

/// A response with all of its body.
struct response : response_head {
  std::string body;
};

}  // namespace catena::http
