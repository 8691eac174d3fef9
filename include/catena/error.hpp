// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// What can go wrong, as one code, one condition and one value that says where.
#include <catena/time.hpp>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <atomic>
#include <exception>
#include <iosfwd>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace catena {

class parked_answer;

/// Every way a run can end without an answer. Values are fixed for ever.
enum class errc {
  cancelled = 1,           ///< the caller gave up, or a sibling failed first
  deadline_exceeded = 2,   ///< the run's deadline passed
  timed_out = 3,           ///< the stage took longer than its own timeout
  stage_failed = 4,        ///< the stage threw; the exception is the cause
  queue_full = 5,          ///< a bounded queue had no place
  expired = 6,             ///< the request waited in a queue longer than its time to live
  shutting_down = 7,       ///< the runtime is draining
  invalid_input = 8,       ///< the stage refused its input
  not_admitted = 9,        ///< its tokens are not there now, or will not be before its deadline
  unavailable = 10,        ///< nobody is there who could do the work now
  parked = 11,             ///< the run waits for a person's decision; the failure carries a ticket for its answer
  deadline_unreachable = 12,  ///< what it takes lately leaves it next to no chance to end before its deadline
  rejected = 13,           ///< a person decided that the stage fails
  no_such_token = 14,      ///< no run waits for a decision under this token, or no longer
  model_not_found = 20,    ///< no such model file
  model_invalid = 21,      ///< not a TorchScript module, or it does not compile
  device_unavailable = 22, ///< this build or machine has no such device
  shape_mismatch = 23,     ///< a tensor's shape is not the expected one
  dtype_mismatch = 24,     ///< a tensor's element type is not the expected one
  model_failed = 25,       ///< an exception inside the model
  row_unanswered = 26,     ///< the model finished its batch without answering this row
  unsupported = 27,        ///< this build cannot do it at all
  device_memory = 28,      ///< its device has no memory for it, even alone
  busy = 30,               ///< the other side has no time for it now: it limits how much it takes, or is not well
  refused = 31,            ///< the other side does not serve this caller: who it is, what it has paid, or where it asked
  bad_response = 32,       ///< what came back is not what its protocol says, is too large, or was cut off
  budget_exceeded = 33,    ///< what it may cost is more than is left of what has been set apart for it
  corrupt_value = 34,      ///< what was read back, from a cache say, is not what was stored
};

/// As it is written here, such as "queue_full"; empty if there is no such code.
[[nodiscard]] std::string_view name_of(errc code) noexcept;

/// What the caller can do about an error: the only thing retry and breaker look at.
enum class condition {
  retry_later = 1,      ///< the same call may succeed after a while
  retry_elsewhere = 2,  ///< another model or replica may succeed now
  give_up = 3,          ///< the same input fails again
};

[[nodiscard]] const boost::system::error_category& error_category() noexcept;
[[nodiscard]] const boost::system::error_category& condition_category() noexcept;
[[nodiscard]] boost::system::error_code make_error_code(errc code) noexcept;
[[nodiscard]] boost::system::error_condition make_error_condition(condition c) noexcept;

/// Why and where a stage or a run failed: code, path of the stage, message, attempt, time to wait and cause.
/// \threads  an immutable value; copying is one atomic increment
class failure {
 public:
  failure() noexcept = default;
  failure(errc code, std::string message = {});  // NOLINT: `return errc::queue_full;` is the natural spelling
  failure(boost::system::error_code code, std::string message = {});

  /// The failure of an exception in flight: a catena::error keeps its code and path, anything else is errc::stage_failed.
  [[nodiscard]] static failure from(std::exception_ptr cause);

  /// False for a default-made one. No conversion to bool: it would make `result<bool>` ambiguous.
  [[nodiscard]] bool is_set() const noexcept { return rep_ != nullptr; }
  [[nodiscard]] boost::system::error_code code() const noexcept;
  [[nodiscard]] bool is(errc code) const noexcept { return this->code() == make_error_code(code); }
  /// The stage's path from the outermost chain, as in `legal/each[17]/summarise`; empty outside a run.
  [[nodiscard]] const std::string& path() const noexcept;
  [[nodiscard]] const std::string& message() const noexcept;
  [[nodiscard]] std::exception_ptr cause() const noexcept;
  /// How long to wait before the same call can succeed; zero when unknown.
  [[nodiscard]] duration retry_after() const noexcept;
  /// Which try of the stage failed, from 1.
  [[nodiscard]] int attempt() const noexcept;
  /// Where the answer of a parked run will be, for ticket::of(); null if it is another failure.
  [[nodiscard]] const std::shared_ptr<parked_answer>& parked() const noexcept;

  [[nodiscard]] failure within(std::string_view segment) const;  ///< the same, one path segment further out
  [[nodiscard]] failure with_retry_after(duration wait) const;
  [[nodiscard]] failure with_attempt(int attempt) const;
  [[nodiscard]] failure with_cause(std::exception_ptr cause) const;
  [[nodiscard]] failure with_parked(std::shared_ptr<parked_answer> answer) const;

  /// One line: path, message, code, and when to try again where that is known.
  [[nodiscard]] std::string to_string() const;

 private:
  struct rep;
  friend void intrusive_ptr_add_ref(rep* r) noexcept;
  friend void intrusive_ptr_release(rep* r) noexcept;
  template <class Change>
  [[nodiscard]] failure changed(Change change) const;
  [[nodiscard]] const rep& get() const noexcept;

  boost::intrusive_ptr<rep> rep_;
};

std::ostream& operator<<(std::ostream& out, const failure& f);

/// What `co_await chain(x)` throws.
class error : public std::exception {
 public:
  explicit error(failure why) : why_(std::move(why)), what_(why_.to_string()) {}
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }
  [[nodiscard]] const failure& why() const noexcept { return why_; }
  [[nodiscard]] boost::system::error_code code() const noexcept { return why_.code(); }
  [[nodiscard]] const std::string& path() const noexcept { return why_.path(); }

 private:
  failure why_;
  std::string what_;
};

/// What building a chain throws: every fault that the types could not show, at once.
class graph_error : public std::invalid_argument {
 public:
  graph_error(std::string_view chain, std::vector<std::string> faults);
  [[nodiscard]] const std::vector<std::string>& faults() const noexcept { return faults_; }

 private:
  std::vector<std::string> faults_;
};

}  // namespace catena

template <>
struct boost::system::is_error_code_enum<catena::errc> : std::true_type {};
template <>
struct boost::system::is_error_condition_enum<catena::condition> : std::true_type {};
