// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/serial_line.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <memory>

#include "support/catch.hpp"

namespace {

namespace asio = boost::asio;
using catena::home_executor;
using catena::serial_line_ptr;
using catena::serial_lines;

/// What is connected to a signal.
struct listener {
  std::shared_ptr<int> told;
  void operator()(asio::cancellation_type) const { ++*told; }
};

}  // namespace

TEST_CASE("a line that nobody holds any more is taken again, with the strand that it has") {
  asio::io_context io(2);
  const home_executor executor(io.get_executor());
  const boost::intrusive_ptr<serial_lines> lines(new serial_lines);
  serial_line_ptr first = lines->take(executor);
  const serial_line_ptr second = lines->take(executor);
  CHECK(first != second);
  CHECK(first->strand != second->strand);
  const auto* const freed = first.get();
  const asio::any_io_executor strand = first->strand;
  first.reset();
  const serial_line_ptr again = lines->take(executor);
  CHECK(again.get() == freed);
  CHECK(again->strand == strand);
}

TEST_CASE("an executor that does one thing after the other needs no strand") {
  asio::io_context io(1);
  const boost::intrusive_ptr<serial_lines> lines(new serial_lines);
  CHECK_FALSE(lines->take(home_executor(io.get_executor()))->strand);
  asio::thread_pool threads(1);
  CHECK(boost::intrusive_ptr<serial_lines>(new serial_lines)->take(home_executor(threads.get_executor()))->strand);
}

TEST_CASE("what was connected to a line's signal is gone with who held it, and who takes it next is told in its place") {
  asio::io_context io(1);
  const home_executor executor(io.get_executor());
  const boost::intrusive_ptr<serial_lines> lines(new serial_lines);
  const auto told = std::make_shared<int>(0);
  const auto told_next = std::make_shared<int>(0);
  lines->take(executor)->signal.slot().assign(listener{told});
  CHECK(told.use_count() == 1);
  const serial_line_ptr next = lines->take(executor);
  next->signal.emit(asio::cancellation_type::terminal);
  next->signal.slot().assign(listener{told_next});
  next->signal.emit(asio::cancellation_type::terminal);
  CHECK(*told == 0);
  CHECK(*told_next == 1);
}

TEST_CASE("a line that was told to stop is not taken again, nor one whose executor is gone") {
  asio::io_context io(2);
  const home_executor executor(io.get_executor());
  const boost::intrusive_ptr<serial_lines> lines(new serial_lines);
  serial_line_ptr told = lines->take(executor);
  const asio::any_io_executor strand_of_told = told->strand;
  told->told = true;
  told.reset();
  serial_line_ptr held = lines->take(executor);
  CHECK(held->strand != strand_of_told);
  lines->close();
  const asio::any_io_executor strand_of_held = held->strand;
  held.reset();
  CHECK(lines->take(executor)->strand != strand_of_held);
}
