// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What comes back for a request: bytes in, decisions out.
#include "response_parser.hpp"

#include <catena/http/client_options.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace catena::http {

enum class body_taken : bool { whole, in_pieces };

enum class answer_step : std::uint8_t {
  more,    ///< more bytes must come
  enough,  ///< the head or a piece is here, and whoever wants pieces can go on
  done,    ///< all of the response is here; why() tells whether it is a failure
  failed   ///< see why(); of the connection nothing more can be made
};

/// Decides what the bytes of a response mean to whoever asked. The request and the options outlive it.
/// \threads  unsafe
class answer_reader final : body_sink {
 public:
  answer_reader(const request& asked, const client_options& options, body_taken taken);

  /// Where the next bytes go. It ends the last piece.
  [[nodiscard]] std::span<char> room();
  /// So many have come there.
  [[nodiscard]] answer_step came(std::size_t bytes);
  /// The stream has ended, well or not.
  [[nodiscard]] answer_step ended(const failure& why);

  /// Zero: there is no head yet.
  [[nodiscard]] int status() noexcept { return parser_.has_head() ? parser_.head().status : 0; }
  [[nodiscard]] bool got_byte() const noexcept { return got_byte_; }
  /// Whether the connection can be used again once all is here.
  [[nodiscard]] bool leaves_connection_usable() const noexcept { return parser_.is_done() && parser_.keeps_alive() && unparsed_ == end_; }
  [[nodiscard]] const failure& why() const noexcept { return why_; }

  /// The head, and the body where that is taken whole.
  [[nodiscard]] response take();
  /// The piece that is here, until room() is asked for.
  [[nodiscard]] std::string_view piece() const noexcept { return {buffer_.get(), piece_size_}; }
  /// A piece came, and behind it something that the answer fails for.
  [[nodiscard]] bool fails_behind_piece() const noexcept { return piece_size_ != 0 && why_.is_set(); }
  void drop_piece() noexcept { piece_size_ = 0; }

 private:
  [[nodiscard]] response_parser new_parser();
  [[nodiscard]] answer_step parse();
  [[nodiscard]] answer_step decide();
  void judge();
  void body_came(std::string_view bytes) override;
  [[nodiscard]] answer_step fail(errc code, const std::string& text);
  [[nodiscard]] failure unexpected();
  [[nodiscard]] const std::string& host() const noexcept { return asked_.target.host(); }

  const request& asked_;
  const client_options& options_;
  const body_taken taken_;
  response_parser parser_;
  std::unique_ptr<char[]> buffer_;  ///< at its front the piece, behind it what is not parsed yet
  std::size_t buffer_size_ = 0;
  std::size_t piece_size_ = 0;
  std::size_t unparsed_ = 0;   ///< where that begins
  std::size_t end_ = 0;
  bool got_byte_ = false;
  bool judged_ = false;        ///< the head has been looked at
  bool unexpected_ = false;    ///< it is a failure that tells the beginning of its body
  bool too_large_ = false;
  bool head_told_ = false;
  std::string body_;
  failure why_;
};

}  // namespace catena::http
