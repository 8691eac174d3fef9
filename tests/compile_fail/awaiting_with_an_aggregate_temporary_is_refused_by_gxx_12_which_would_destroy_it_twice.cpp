// SPDX-License-Identifier: BSL-1.0
// expect-gcc: use of deleted function
// expect-clang: compiles
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 13
#error use of deleted function: this compiler is right and needs none
#endif
#include <catena/chain.hpp>

#include <string>

struct payment {
  std::string card;
};

boost::asio::awaitable<int> ask(const catena::chain<payment, int>& fraud, std::string card) { co_return co_await fraud(payment{.card = card}); }
