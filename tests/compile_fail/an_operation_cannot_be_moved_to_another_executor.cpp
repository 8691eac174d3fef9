// SPDX-License-Identifier: BSL-1.0
// expect: catena: .on\(executor\) is for functions and coroutines; an operation chooses its own executor
#include <catena/chain.hpp>

#include <boost/asio/append.hpp>

auto wrong(const catena::runtime& rt) {
  return catena::make_chain<int>(rt, "chain", [&](auto in) {
    return in >> catena::stage("yield", [rt](int x, auto token) {
                   return rt.async_yield(boost::asio::append(std::move(token), x));
                 }).on(rt.get_executor());
  });
}
