// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// Traces as OpenTelemetry's JSON, and what a collector answers.
#include <catena/http/message.hpp>
#include <catena/http/otlp_exporter.hpp>
#include <catena/http/retry_after.hpp>
#include <catena/observe/trace.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace catena::http {

/// An ExportTraceServiceRequest that is written trace by trace: begin(), append() and end().
/// \threads  safe
class otlp_text {
 public:
  /// \param offset  from the steady clock to the time since 1970
  otlp_text(const otlp_options& options, std::chrono::nanoseconds offset);

  void begin(std::string& to) const { to += head_; }
  void append(std::string& to, const trace& t) const;
  void end(std::string& to) const { to += "]}]}]}"; }

 private:
  void append_span(std::string& to, const trace& t, const trace_span& s) const;
  void append_time(std::string& to, time_point t) const;

  const std::chrono::nanoseconds offset_;
  std::string head_;  ///< up to where the spans begin
};

/// What becomes of a request.
struct otlp_verdict {
  enum class kind : std::uint8_t { accepted, again, given_up, refused };
  kind what = kind::accepted;
  failure why;                  ///< of all that are not accepted
  std::uint64_t rejected = 0;   ///< spans of one that is
  std::string said = {};        ///< by the server, of these, or as advice
};
/// \param was_sent  the server may know of it
/// \param now       for a Retry-After that is a date
[[nodiscard]] otlp_verdict verdict_of(const request& asked, const result<response>& came, bool was_sent, wall_time now);

}  // namespace catena::http
