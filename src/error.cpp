// SPDX-License-Identifier: BSL-1.0
#include <catena/error.hpp>
#include <catena/result.hpp>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <utility>

namespace catena {

std::string_view name_of(errc code) noexcept {
  switch (code) {
    case errc::cancelled: return "cancelled";
    case errc::deadline_exceeded: return "deadline_exceeded";
    case errc::timed_out: return "timed_out";
    case errc::stage_failed: return "stage_failed";
    case errc::queue_full: return "queue_full";
    case errc::expired: return "expired";
    case errc::shutting_down: return "shutting_down";
    case errc::invalid_input: return "invalid_input";
    case errc::not_admitted: return "not_admitted";
    case errc::unavailable: return "unavailable";
    case errc::parked: return "parked";
    case errc::deadline_unreachable: return "deadline_unreachable";
    case errc::rejected: return "rejected";
    case errc::no_such_token: return "no_such_token";
    case errc::model_not_found: return "model_not_found";
    case errc::model_invalid: return "model_invalid";
    case errc::device_unavailable: return "device_unavailable";
    case errc::shape_mismatch: return "shape_mismatch";
    case errc::dtype_mismatch: return "dtype_mismatch";
    case errc::model_failed: return "model_failed";
    case errc::row_unanswered: return "row_unanswered";
    case errc::unsupported: return "unsupported";
    case errc::device_memory: return "device_memory";
    case errc::busy: return "busy";
    case errc::refused: return "refused";
    case errc::bad_response: return "bad_response";
    case errc::budget_exceeded: return "budget_exceeded";
    case errc::corrupt_value: return "corrupt_value";
  }
  return {};
}

namespace {

class code_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "catena"; }

  std::string message(int value) const override {
    std::string text(name_of(static_cast<errc>(value)));
    if (text.empty()) return "unknown catena error";
    std::ranges::replace(text, '_', ' ');
    return text;
  }

  boost::system::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<errc>(value)) {
      case errc::timed_out:
      case errc::queue_full:
      case errc::expired:
      case errc::deadline_unreachable:
      case errc::not_admitted:
      case errc::busy:
      case errc::corrupt_value: return make_error_condition(condition::retry_later);
      case errc::stage_failed:
      case errc::shutting_down:
      case errc::unavailable:
      case errc::device_unavailable:
      case errc::device_memory:
      case errc::model_failed:
      case errc::row_unanswered:
      case errc::refused:
      case errc::bad_response: return make_error_condition(condition::retry_elsewhere);
      case errc::budget_exceeded: return make_error_condition(condition::retry_elsewhere);
      default: return make_error_condition(condition::give_up);
    }
  }
};

class remedy_category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "catena.condition"; }

  std::string message(int value) const override {
    switch (static_cast<condition>(value)) {
      case condition::retry_later: return "retry later";
      case condition::retry_elsewhere: return "retry elsewhere";
      case condition::give_up: return "give up";
    }
    return "unknown catena condition";
  }
};

std::string joined(std::string_view chain, const std::vector<std::string>& faults) {
  std::string text = "chain '" + std::string(chain) + "' cannot be built:";
  for (const auto& fault : faults) text += "\n  - " + fault;
  return text;
}

}  // namespace

const boost::system::error_category& error_category() noexcept {
  static const code_category instance;
  return instance;
}

const boost::system::error_category& condition_category() noexcept {
  static const remedy_category instance;
  return instance;
}

boost::system::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

boost::system::error_condition make_error_condition(condition c) noexcept {
  return {static_cast<int>(c), condition_category()};
}

struct failure::rep {
  std::atomic<int> references{0};
  boost::system::error_code code;
  std::string path;
  std::string message;
  std::exception_ptr cause;
  std::shared_ptr<parked_answer> parked;
  duration retry_after{0};
  int attempt = 1;

  rep() = default;
  rep(const rep& other)
      : code(other.code),
        path(other.path),
        message(other.message),
        cause(other.cause),
        parked(other.parked),
        retry_after(other.retry_after),
        attempt(other.attempt) {}
};

void intrusive_ptr_add_ref(failure::rep* r) noexcept { r->references.fetch_add(1, std::memory_order_relaxed); }

void intrusive_ptr_release(failure::rep* r) noexcept {
  if (r->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete r;
}

failure::failure(errc code, std::string message) : failure(make_error_code(code), std::move(message)) {}

failure::failure(boost::system::error_code code, std::string message) : rep_(new rep) {
  rep_->code = code;
  rep_->message = std::move(message);
}

failure failure::from(std::exception_ptr cause) {
  try {
    std::rethrow_exception(cause);
  } catch (const error& e) {
    return e.why();
  } catch (const boost::system::system_error& e) {
    failure f(e.code() == boost::system::errc::operation_canceled ? make_error_code(errc::cancelled) : e.code(), e.what());
    f.rep_->cause = std::move(cause);
    return f;
  } catch (const std::exception& e) {
    failure f(errc::stage_failed, e.what());
    f.rep_->cause = std::move(cause);
    return f;
  } catch (...) {
    failure f(errc::stage_failed, "an exception that is no std::exception");
    f.rep_->cause = std::move(cause);
    return f;
  }
}

const failure::rep& failure::get() const noexcept {
  static const rep none;
  return rep_ ? *rep_ : none;
}

template <class Change>
failure failure::changed(Change change) const {
  failure copy;
  copy.rep_ = new rep(get());
  change(*copy.rep_);
  return copy;
}

boost::system::error_code failure::code() const noexcept { return get().code; }
const std::string& failure::path() const noexcept { return get().path; }
const std::string& failure::message() const noexcept { return get().message; }
std::exception_ptr failure::cause() const noexcept { return get().cause; }
duration failure::retry_after() const noexcept { return get().retry_after; }
int failure::attempt() const noexcept { return get().attempt; }
const std::shared_ptr<parked_answer>& failure::parked() const noexcept { return get().parked; }

failure failure::within(std::string_view segment) const {
  if (segment.empty()) return *this;
  return changed([&](rep& r) {
    r.path = r.path.empty() ? std::string(segment) : std::string(segment) + "/" + r.path;
  });
}

failure failure::with_retry_after(duration wait) const {
  return changed([&](rep& r) { r.retry_after = wait; });
}

failure failure::with_attempt(int attempt) const {
  return changed([&](rep& r) { r.attempt = attempt; });
}

failure failure::with_cause(std::exception_ptr cause) const {
  return changed([&](rep& r) { r.cause = std::move(cause); });
}

failure failure::with_parked(std::shared_ptr<parked_answer> answer) const {
  return changed([&](rep& r) { r.parked = std::move(answer); });
}

std::string failure::to_string() const {
  std::string text = path().empty() ? "" : path() + ": ";
  if (!message().empty()) text += message() + " (" + code().message() + ")";
  else text += code().message();
  if (retry_after() > duration{}) text += ", retry after " + detail::in_words(retry_after());
  return text;
}

std::ostream& operator<<(std::ostream& out, const failure& f) { return out << f.to_string(); }

graph_error::graph_error(std::string_view chain, std::vector<std::string> faults)
    : std::invalid_argument(joined(chain, faults)), faults_(std::move(faults)) {}

}  // namespace catena
