// SPDX-License-Identifier: BSL-1.0
#include <catena/llm/chat_model.hpp>

#include "call_notes.hpp"
#include "chat_core.hpp"
#include "chat_options.hpp"
#include "open_answer.hpp"

#include <string_view>
#include <utility>

namespace catena::llm {
namespace detail {
namespace {

boost::asio::awaitable<call_in_flight> let_in(std::shared_ptr<chat_core> core, run_options within) {
  auto entering = core->limit().async_enter(within, boost::asio::use_awaitable);
  result<concurrency_slot> slot = co_await std::move(entering);
  co_return core->let_in(std::move(slot).value());
}

result<answer> read_whole(const chat_core& core, const result<http::response>& came, std::string_view begun) {
  if (!came) return came.error();
  result<answer> read = answer_of(came->body, core.headers());
  if (read && read->message.content.starts_with(begun)) read->message.content.erase(0, begun.size());
  return read;
}

boost::asio::awaitable<answer> ask(std::shared_ptr<chat_core> core, std::shared_ptr<const chat_settings> how, run_options within, messages asked) {
  http::request what = core->request_for(*how, asked, within, delivery::whole).value();
  const call_notes notes(within);
  notes.asked(core->options(), what.target, *how, delivery::whole);
  auto entering = let_in(core, within);
  call_in_flight in_flight = co_await std::move(entering);
  core->reserve(in_flight, what, *how, within).value();
  auto sending = core->client().async_send(std::move(what), within, boost::asio::use_awaitable);
  const result<http::response> came = co_await std::move(sending);
  result<answer> read = read_whole(*core, came, repeated_in_answer(core->options().provider, asked));
  if (!read) {
    in_flight.failed(read.error());
    throw error(core->named(read.error()));
  }
  core->complete(*read, in_flight.began(), {});
  notes.answered(*read);
  in_flight.ended(*read);
  co_return *std::move(read);
}

boost::asio::awaitable<answer_stream> open(std::shared_ptr<chat_core> core, std::shared_ptr<const chat_settings> how, run_options within, call_notes notes,
                                          messages asked) {
  http::request what = core->request_for(*how, asked, within, delivery::streamed).value();
  notes.asked(core->options(), what.target, *how, delivery::streamed);
  auto entering = let_in(core, within);
  call_in_flight in_flight = co_await std::move(entering);
  core->reserve(in_flight, what, *how, within).value();
  auto opening = core->client().async_open(std::move(what), within, boost::asio::use_awaitable);
  result<http::response_stream> from = co_await std::move(opening);
  if (!from) {
    in_flight.failed(from.error());
    throw error(core->named(from.error()));
  }
  co_return answer_stream(std::make_unique<open_answer>(std::move(core), std::move(in_flight), std::move(notes), *std::move(from)));
}

}  // namespace

boost::asio::awaitable<void> write_answer(std::shared_ptr<chat_core> core, std::shared_ptr<const chat_settings> how,
                                          stream_writer<answer_piece>& out, messages asked) {
  // What writes a stream may outlive the run: it is a call of its own, which a drain waits for.
  graph::call_context context;
  run_options within = out.options();
  within.part_of = &context;
  call_notes notes(out.recorded_in(), within.trace_parent.span_number());
  auto opening = open(std::move(core), std::move(how), within, std::move(notes), std::move(asked));
  answer_stream from = co_await std::move(opening);
  for (;;) {
    auto coming = from.next();
    std::optional<answer_piece> piece = co_await std::move(coming);
    if (!piece) co_return;
    auto writing = out.write(*std::move(piece));
    co_await std::move(writing);
  }
}

}  // namespace detail

chat_model::chat_model(const runtime& rt, chat_options options)
    : core_(rt.state()->known_source(std::make_shared<detail::chat_core>(rt, std::move(options)))), settings_(core_, &core_->options().settings) {}

chat_model chat_model::with(chat_settings settings) const {
  check(settings, options().provider);
  check_budget(options(), settings);
  return {core_, std::make_shared<const chat_settings>(std::move(settings))};
}

const chat_options& chat_model::options() const noexcept { return core_->options(); }
const runtime& chat_model::get_runtime() const noexcept { return core_->rt(); }

boost::asio::awaitable<answer> chat_model::ask(run_options within, messages asked) const {
  return detail::ask(core_, settings_, within, std::move(asked));
}

boost::asio::awaitable<answer_stream> chat_model::open(run_options within, messages asked) const {
  return detail::open(core_, settings_, within, detail::call_notes(within), std::move(asked));
}

chat_stats chat_model::stats() const { return core_->stats(); }

void chat_model::close_idle() const { core_->client().close_idle(); }

}  // namespace catena::llm
