// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/home_executor.hpp>

#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <concepts>
#include <type_traits>

namespace catena {

namespace asio = boost::asio;

namespace {

template <class Executor>
const Executor& concrete(const asio::any_io_executor& executor) noexcept {
  if constexpr (std::same_as<Executor, asio::any_io_executor>) return executor;
  else return *executor.target<Executor>();
}

template <class Executor>
inline constexpr bool is_strand = false;
template <class Inner>
inline constexpr bool is_strand<asio::strand<Inner>> = true;

/// Asio's documentation of concurrency hints: with 1 it "assumes that the io_context will be run from a single thread", too.
[[nodiscard]] bool is_run_by_one_thread(asio::io_context& context) noexcept {
  return asio::use_service<asio::detail::scheduler>(context).concurrency_hint() == BOOST_ASIO_CONCURRENCY_HINT_1;
}

}  // namespace

template <class Executor>
const home_executor::kind home_executor::kind_of{
    .where = [](const asio::any_io_executor& executor) noexcept {
      if constexpr (requires(const Executor& e) { { e.running_in_this_thread() } -> std::same_as<bool>; })
        return concrete<Executor>(executor).running_in_this_thread() ? whereabouts::inside : whereabouts::outside;
      else
        return whereabouts::unknown;
    },
    .post = [](const asio::any_io_executor& executor, ready_node& node) { asio::post(concrete<Executor>(executor), resumption(node)); },
    .post_slotted =
        [](const asio::any_io_executor& executor, ready_node& node, memory_slot& slot) {
          asio::post(concrete<Executor>(executor), slotted_resumption(node, slot));
        },
    .is_serial = []([[maybe_unused]] const asio::any_io_executor& executor) noexcept {
      if constexpr (std::is_same_v<Executor, asio::io_context::executor_type>) return is_run_by_one_thread(concrete<Executor>(executor).context());
      else return is_strand<Executor>;
    },
    .make_strand = [](const asio::any_io_executor& executor) -> asio::any_io_executor {
      if constexpr (is_strand<Executor>) return executor;
      else return asio::make_strand(concrete<Executor>(executor));
    },
    .keep_busy = [](const asio::any_io_executor& executor) -> asio::any_io_executor {
      return asio::prefer(concrete<Executor>(executor), asio::execution::outstanding_work.tracked);
    }};

template <class... Executors>
const home_executor::kind& home_executor::choose(const asio::any_io_executor& executor) noexcept {
  const kind* chosen = &kind_of<asio::any_io_executor>;
  ((executor.target<Executors>() ? void(chosen = &kind_of<Executors>) : void()), ...);
  return *chosen;
}

const home_executor::kind& home_executor::kind_for(const asio::any_io_executor& executor) noexcept {
  return choose<asio::io_context::executor_type, asio::thread_pool::executor_type, asio::strand<asio::io_context::executor_type>,
                asio::strand<asio::thread_pool::executor_type>, asio::strand<asio::any_io_executor>>(executor);
}

home_executor::home_executor(asio::any_io_executor executor)
    : executor_(std::move(executor)), kind_(&kind_for(executor_)), serial_(kind_->is_serial(executor_)) {}

whereabouts home_executor::where(const asio::any_io_executor& executor) noexcept { return kind_for(executor).where(executor); }

}  // namespace catena
