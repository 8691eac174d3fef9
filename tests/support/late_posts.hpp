// SPDX-License-Identifier: BSL-1.0
#pragma once
/// \file
/// A run on an executor of its own, and what comes there when it has ended.
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <cstddef>

namespace catena::test {

/// Runs `own` until it is out of work, where an owner who does not wait would destroy it, and counts what the one thread of `home` posts
/// there by then.
[[nodiscard]] inline std::size_t late_posts(boost::asio::io_context& own, boost::asio::thread_pool& home) {
  own.run();
  boost::asio::post(home, boost::asio::use_future([] {})).get();  // what its timers do has been done
  own.restart();
  return own.poll();
}

}  // namespace catena::test
