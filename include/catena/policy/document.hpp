// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The options of stages and models as one JSON document.
#include <boost/assert/source_location.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace catena {

/// Something that is wrong with a document.
struct policy_fault {
  std::string pointer;  ///< where, as RFC 6901 writes it; empty: the document as a whole
  std::string text;     ///< what is wrong there, and what would be right
  [[nodiscard]] std::string to_string() const { return (pointer.empty() ? std::string("(document)") : pointer) + ": " + text; }
  friend bool operator==(const policy_fault&, const policy_fault&) = default;
};

/// All that is wrong with one, in the order in which it stands there.
struct policy_faults {
  std::vector<policy_fault> all;
  [[nodiscard]] std::string to_string() const;  ///< one a line
};

[[noreturn]] void throw_exception_from_error(const policy_faults& faults, const boost::source_location&);

namespace detail {

struct option_shape;
/// A duration in nanoseconds, a size in bytes, a count, the number of a choice; or a share, a factor.
using option_value = std::variant<std::int64_t, double>;

/// What a document says of one set of options.
struct policy_entry {
  struct setting {
    std::size_t field;  ///< of its table
    option_value value;
    friend bool operator==(const setting&, const setting&) = default;
  };
  std::vector<std::string> path;  ///< from the document's root
  const option_shape* shape;
  std::vector<setting> settings;
  friend bool operator==(const policy_entry&, const policy_entry&) = default;
};

}  // namespace detail

/// Options of stages and models, by name: those that it names; all others are what they are in C++.
///
///     {
///       "stages": {
///         "fraud/place": {"timeout": "250ms", "retry": {"retries": 2, "budget": {"share": 0.05}}, "breaker": {"consecutive": 10}}
///       },
///       "models": {
///         "risk": {"batch": {"max_size": 32, "max_delay": "2ms"}, "queue": {"max_bytes": "512MiB"}}
///       }
///     }
///
/// A stage is named by its path, as in failures, but for the numbers of items: `legal/each/summarise`. A chain that is a stage of
/// another one is found under its own name, a replica as pool/replica, a version's stage as name@version/stage, a gate before a whole
/// chain or model under that one's name.
///
/// Durations are texts such as "250ms", with ns, us, ms, s, min or h; sizes are texts such as "512MiB", or bytes. What cannot be
/// changed while it serves (which policies there are, a bucket's capacity, how many instances a model has) is not among the options:
/// schema() lists those that are.
/// \threads  an immutable value
class policy_document {
 public:
  using reading = boost::system::result<policy_document, policy_faults>;

  policy_document() = default;  ///< that says nothing

  /// Reads a document, or says all that is wrong with it: what it says of itself. Whether there are such stages shows when it is applied.
  /// \errors none is thrown, but for std::bad_alloc; value() of what is returned throws std::invalid_argument with all faults
  [[nodiscard]] static reading read(std::string_view text);

  /// As text that read() makes the same document of.
  [[nodiscard]] std::string to_json() const;

  /// The JSON Schema (draft 2020-12) of documents.
  [[nodiscard]] static std::string schema();

  [[nodiscard]] const std::vector<detail::policy_entry>& entries() const noexcept { return entries_; }
  friend bool operator==(const policy_document&, const policy_document&) = default;

  explicit policy_document(std::vector<detail::policy_entry> entries) noexcept : entries_(std::move(entries)) {}

 private:
  std::vector<detail::policy_entry> entries_;  ///< each path once, as they stand in the document
};

}  // namespace catena
