// SPDX-License-Identifier: BSL-1.0
#include "lookup.hpp"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace catena::http {

result_of_lookup look_up_now(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int fault = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (fault != 0) return failure(errc::unavailable, "no address is known for " + host + ": " + ::gai_strerror(fault));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> freed(list, &::freeaddrinfo);
  addresses found;
  for (const addrinfo* a = list; a; a = a->ai_next) {
    if (a->ai_family == AF_INET) {
      sockaddr_in in;
      std::memcpy(&in, a->ai_addr, sizeof(in));
      found.emplace_back(boost::asio::ip::address_v4(ntohl(in.sin_addr.s_addr)));
    } else if (a->ai_family == AF_INET6) {
      sockaddr_in6 in;
      std::memcpy(&in, a->ai_addr, sizeof(in));
      boost::asio::ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
      found.emplace_back(boost::asio::ip::address_v6(bytes, in.sin6_scope_id));
    }
  }
  if (found.empty()) return failure(errc::unavailable, "no address is known for " + host);
  return found;
}

void lookup_line::begin(std::shared_ptr<lookup> one) {
  {
    const std::lock_guard lock(mutex_);
    if (busy_ == most_) {
      waiting_.push_back(std::move(one));
      return;
    }
    ++busy_;
  }
  // Nobody waits for it at the end of the process, either: it may hang for half a minute, and touches only what it holds.
  try {
    std::thread([self = shared_from_this(), first = one] {
      self->work(first);
    }).detach();
  } catch (const std::system_error&) {
    fail(std::move(one));
  }
}

/// The machine has no thread for it. Those that wait behind it fail, too, where there is no other thread that will take them.
void lookup_line::fail(std::shared_ptr<lookup> one) {
  std::deque<std::shared_ptr<lookup>> failed;
  {
    const std::lock_guard lock(mutex_);
    if (--busy_ == 0) failed.swap(waiting_);
    failed.push_front(std::move(one));
    std::erase_if(failed, [](const auto& f) { return !std::exchange(f->wanted, false); });
  }
  for (auto& f : failed) {
    f->found = failure(errc::unavailable, "no address of " + f->host + " is looked up: there is no thread for it");
    deliver(std::move(f));
  }
}

bool lookup_line::abandon(lookup& one) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase_if(waiting_, [&](const auto& w) { return w.get() == &one; });
  return std::exchange(one.wanted, false);
}

std::size_t lookup_line::busy_count() const {
  const std::lock_guard lock(mutex_);
  return busy_;
}

/// Does one after the other, as long as any waits.
void lookup_line::work(std::shared_ptr<lookup> one) {
  while (one) {
    result_of_lookup found = look_up_(one->host);
    std::shared_ptr<lookup> next;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(one->wanted, false)) one->found = std::move(found);
      else one.reset();
      if (waiting_.empty()) {
        --busy_;
      } else {
        next = std::move(waiting_.front());
        waiting_.pop_front();
      }
    }
    if (one) deliver(std::move(one));
    one = std::move(next);
  }
}

void lookup_line::deliver(std::shared_ptr<lookup> one) {
  const auto runtime = runtime_.lock();
  if (!runtime) return;
  lookup& node = *one;
  node.pin = std::move(one);
  node.resume = [](ready_node& self, wake how) {
    auto& done = static_cast<lookup&>(self);
    const auto pinned = std::move(done.pin);
    const auto ended = std::exchange(done.ended, nullptr);  // it keeps who waits, who keeps the lookup
    ended(how);
  };
  runtime->ready->push(node);
}

}  // namespace catena::http
