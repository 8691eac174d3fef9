// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// An answer that is being read.
#include "answer_text.hpp"
#include "call_notes.hpp"
#include "chat_core.hpp"

#include <catena/http/client.hpp>
#include <catena/http/sse_parser.hpp>

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace catena::llm::detail {

/// Reads one answer while it is written.
class open_answer {
 public:
  open_answer(std::shared_ptr<chat_core> core, call_in_flight in_flight, call_notes notes, http::response_stream from)
      : core_(std::move(core)), in_flight_(std::move(in_flight)), notes_(std::move(notes)), from_(std::move(from)), parser_({.max_event_bytes = core_->options().max_answer_bytes}), reader_(core_->headers()) {}

  [[nodiscard]] static boost::asio::awaitable<std::optional<answer_piece>> next(open_answer& self);

 private:
  /// The next piece out of the bytes that have come; nothing: they are used up.
  [[nodiscard]] result<std::optional<answer_piece>> parse();
  [[nodiscard]] result<std::optional<answer_piece>> take_event();
  [[nodiscard]] result<answer_piece> end();

  std::shared_ptr<chat_core> core_;
  call_in_flight in_flight_;
  call_notes notes_;
  http::response_stream from_;
  http::sse_parser parser_;
  chunk_reader reader_;
  std::string_view unread_;
  std::size_t answer_bytes_ = 0;
  time_point first_token_{};
  bool is_over_ = false;
};

}  // namespace catena::llm::detail
