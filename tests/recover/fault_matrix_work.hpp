// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// The fault matrix's work, of every kind, which does what a script says.
#include <catena/chain.hpp>
#include <catena/model.hpp>
#include <catena/stream.hpp>
#include <catena/testing/manual_world.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "recover/fault_matrix_cells.hpp"

namespace catena::test::matrix {

/// Whom the stage asks. It knows who asks by the inputs.
struct target {
  static constexpr int asked = 1, by_the_neighbour = 2, by_one_who_is_well = 3, by_one_who_teaches = 1000;  ///< and more

  [[nodiscard]] act begin(int input) {
    const std::size_t n = begun[input]++;
    if (input == by_the_neighbour) return neighbours_act(*of);
    if (input >= by_one_who_teaches) return lesson(*of);
    return input == asked ? script(*of, request, n) : act{of->made_of->can_wait ? work_takes : duration{}};
  }
  [[nodiscard]] time_point end_of(const act& a) const noexcept { return a.takes == never ? let_go : world->now() + a.takes; }
  [[nodiscard]] static result<int> end(const act& a, int input) {
    switch (a.how) {
      case act::end::answers: break;
      case act::end::throws: throw std::runtime_error("no");
      case act::end::fails: return failure(errc::device_unavailable);
      case act::end::refuses: return failure(errc::invalid_input);
      case act::end::finds_nobody: return failure(boost::system::error_code(boost::asio::error::connection_refused));
    }
    return answer(input);
  }
  [[nodiscard]] static int answer(int input) noexcept { return 10 * input; }

  const cell* of;
  testing::manual_world* world;
  runtime rt;
  time_point let_go = no_deadline;  ///< when even those end that would not
  int asks = 0;                     ///< the input of whoever asks now
  std::size_t request = 0;
  std::map<int, std::size_t> begun = {};  ///< attempts of the last request, by its input
  int under_way = 0;
};

/// Held by work while it is under way.
class presence {
 public:
  explicit presence(target& in) noexcept : in_(&in) { ++in_->under_way; }
  presence(presence&& other) noexcept : in_(std::exchange(other.in_, nullptr)) {}
  presence& operator=(presence&&) = delete;
  ~presence() {
    if (in_) --in_->under_way;
  }

 private:
  target* in_;
};

/// In virtual time a function that runs inline is slow when time passes while it does.
struct inline_function {
  target* to;
  result<int> operator()(const int& input) const {
    const act a = to->begin(input);
    if (a.takes > duration{}) to->world->elapse(a.takes);
    return target::end(a, input);
  }
};

/// An executor on which the turn of a function takes as long as the function, which is called at its end.
struct elsewhere {
  target* to;
  static inline act current{};  ///< what the function does that is called now

  [[nodiscard]] boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept { return to->world->context(); }
  [[nodiscard]] static constexpr boost::asio::execution::blocking_t::never_t query(boost::asio::execution::blocking_t) noexcept { return {}; }
  template <class Function>
  void execute(Function function) const {
    const act a = to->begin(to->asks);
    to->rt.async_wait_until(to->end_of(a), [a, here = presence(*to), go = std::move(function)](boost::system::error_code) mutable {
      current = a;
      std::move(go)();
    });
  }
  friend bool operator==(const elsewhere&, const elsewhere&) noexcept = default;
};
inline result<int> function_elsewhere(const int& input) { return target::end(elsewhere::current, input); }

struct coroutine {
  target* to;
  boost::asio::awaitable<result<int>> operator()(call, const int& input) const { return attempt(*to, input); }
  static boost::asio::awaitable<result<int>> attempt(target& to, int input) {
    const act a = to.begin(input);
    const presence here(to);
    if (a.deaf) co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    if (a.takes > duration{}) co_await to.rt.async_wait_until(to.end_of(a), boost::asio::use_awaitable);
    co_return target::end(a, input);
  }
};

/// Its initiating function throws; else its completion handler is told.
struct operation {
  target* to;
  template <class Token>
  auto operator()(const int& input, Token&& token) const {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, int)>(
        [](auto handler, target* asked, int in) {
          namespace asio = boost::asio;
          const act a = asked->begin(in);
          if (a.how == act::end::throws) (void)target::end(a, in);
          const auto executor = asio::get_associated_executor(handler, asked->rt.get_executor());
          const auto slot = a.deaf ? asio::cancellation_slot() : asio::get_associated_cancellation_slot(handler);
          auto done = [a, in, here = presence(*asked), h = std::move(handler)](boost::system::error_code ec) mutable {
            const result<int> r = target::end(a, in);
            std::move(h)(ec || r ? ec : r.error().code(), r ? *r : 0);
          };
          asked->rt.async_wait_until(asked->end_of(a), asio::bind_cancellation_slot(slot, asio::bind_executor(executor, std::move(done))));
        },
        token, to, input);
  }
};

/// A model that answers each request by itself, and as many at once as there are.
inline model<int, int> model_of(target& to) {
  return make_model<int, int>(to.rt, {.name = "m", .batch = {.max_size = 1}, .instances = 16}, [&to](batch<int, int>& b) {
    const int input = b.input(0);
    const act a = to.begin(input);
    if (a.how == act::end::throws) (void)target::end(a, input);
    to.rt.async_wait_until(to.end_of(a), [a, input, here = presence(to), held = std::move(b)](boost::system::error_code) mutable {
      const result<int> r = target::end(a, input);
      if (r) held.answer(0, *r);
      else held.fail(0, r.error());
      held.done();
    });
  });
}

inline chain<int, int> chain_of(target& to) {
  return make_chain<int>(to.rt, "inner", [&](auto in) { return in >> stage("deep", coroutine{&to}); });
}

/// Writes the answer, and waits for somebody to read more, which nobody does.
struct writer {
  target* to;
  boost::asio::awaitable<void> operator()(stream_writer<int>& out, const int& input) const {
    const result<int> r = co_await coroutine::attempt(*to, input);
    while (true) co_await out.write(r.value());
  }
};
inline boost::asio::awaitable<int> first_item(call, stream<int> from) {
  const std::optional<int> first = co_await from.next();
  co_return first.value();
}
inline chain<int, int> stream_of(target& to) {
  return make_chain<int>(to.rt, "inner", [&](auto in) {
    return in >> stage("write", produce<int>(writer{&to}, {.capacity = 1})) >> stage("read", &first_item);
  });
}

/// Work of any kind as one type, so that what is said about it is compiled once and not once for each kind.
struct any_work {
  using prepare_function = std::function<void(graph::builder&, graph::stage_request&)>;

  template <class F, class On = detail::inline_execution>
  static any_work of(F f, On on = {}) {
    using chosen = typename detail::work_step<F, fixed_string<1>{}, On, int>::type;
    return {[=](graph::builder& chain, graph::stage_request& request) {
      if constexpr (std::is_same_v<On, detail::inline_execution>) chosen::prepare(chain, request, f);
      else chosen::prepare(chain, request, f, on);
    }};
  }

  using catena_takes = takes<int>;
  struct step {
    using output = int;
    static void prepare(graph::builder& chain, graph::stage_request& request, const any_work& work) { work.prepare(chain, request); }
  };
  template <class...>
  using catena_step = step;

  prepare_function prepare;
};

inline any_work work_of(work is, target& to) {
  switch (is) {
    case work::function: return any_work::of(inline_function{&to});
    case work::function_elsewhere: return any_work::of(&function_elsewhere, elsewhere{&to});
    case work::coroutine: return any_work::of(coroutine{&to});
    case work::operation: return any_work::of(operation{&to});
    case work::model: return any_work::of(model_of(to));
    case work::chain: return any_work::of(chain_of(to));
    case work::stream: return any_work::of(stream_of(to));
  }
  return {};
}

}  // namespace catena::test::matrix
