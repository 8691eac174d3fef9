// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What a call of a model adds to the span of whoever makes it.
#include "request_body.hpp"

#include <catena/http/url.hpp>
#include <catena/llm/answer.hpp>
#include <catena/llm/chat_options.hpp>
#include <catena/llm/chat_settings.hpp>
#include <catena/observe/request_trace.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <cstdint>
#include <string_view>
#include <utility>

namespace catena::llm::detail {

/// The names are those of catena/observe/gen_ai_names.hpp. Never what was asked or answered.
/// \lifetime  may outlive the run: what comes after its end is not recorded
/// \cost      nothing where nobody records the run
class call_notes {
 public:
  explicit call_notes(const run_options& within) noexcept;
  /// Of a stream's writer.
  call_notes(boost::intrusive_ptr<catena::detail::request_trace> log, std::uint64_t span) noexcept : log_(std::move(log)), span_(span) {}

  void asked(const chat_options& who, const http::url& where, const chat_settings& how, delivery as) const;
  void answered(const answer& a) const;

 private:
  void add(std::string_view name, trace_value value) const;

  boost::intrusive_ptr<catena::detail::request_trace> log_;  ///< null: nobody records it
  std::uint64_t span_ = 0;
};

}  // namespace catena::llm::detail
