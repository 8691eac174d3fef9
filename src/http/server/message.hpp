// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a server is asked, and what it answers.
#include <catena/http/fields.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace catena::http::server {

struct route;

/// One request. What it asks for and who may ask is known once it has been judged, see service.
struct request {
  std::string method;
  std::string target;     ///< as it came: the path and the query
  bool is_http_1_0 = false;
  fields headers;
  std::string body;
  const route* to = nullptr;
  std::string name;       ///< what stands in the path for the route's {name}

  [[nodiscard]] bool is_head() const noexcept { return method == "HEAD"; }
  /// The part of the target before '?', and that behind it.
  [[nodiscard]] std::string_view path() const noexcept { return std::string_view(target).substr(0, target.find('?')); }
  [[nodiscard]] std::string_view query() const noexcept;
  /// What the query says of `key`, percent-decoded; nothing: it does not, or what it says cannot be decoded.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view key) const;
};

/// Nothing is fetched or run, and nobody shows it inside of something else.
inline constexpr std::string_view nothing_allowed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct answer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  fields headers = {};  ///< beside those that all answers have
  std::string content_security_policy{nothing_allowed};
};

/// {"error": text}. What is no UTF-8 in it is replaced.
[[nodiscard]] answer error_answer(int status, std::string_view text);

enum class after_answer : bool { connection_stays, connection_ends };
enum class body_sent : bool { no, yes };

/// As bytes. A header field that cannot be sent is left out.
[[nodiscard]] std::string text_of(const answer& a, body_sent body, after_answer then);

/// `text` with each %XX as the byte that it stands for; nothing: one is no such, or stands for a control character.
[[nodiscard]] std::optional<std::string> percent_decoded(std::string_view text);

/// Who waits for an answer.
class answer_taker {
 public:
  virtual ~answer_taker() = default;
  virtual void take(answer a) = 0;
};

/// Where the answer to one request goes, now or later, from any thread. Move-only; one that goes unused says that there is none.
class reply {
 public:
  explicit reply(std::shared_ptr<answer_taker> to) noexcept : to_(std::move(to)) {}
  reply(reply&&) noexcept = default;
  reply& operator=(reply&&) = delete;
  ~reply() {
    if (to_) give(error_answer(500, "nobody has answered this request"));
  }
  void operator()(answer a) { give(std::move(a)); }

 private:
  void give(answer a) { std::exchange(to_, nullptr)->take(std::move(a)); }
  std::shared_ptr<answer_taker> to_;
};

}  // namespace catena::http::server
