// SPDX-License-Identifier: BSL-1.0
/// \file
/// The token bucket agrees with a credit in long arithmetic; when its rate changes, its level does not.
#include <catena/schedule/token_bucket.hpp>

#include "fuzz/fuzz.hpp"
#include "fuzz/plain_bucket.hpp"

namespace catena::fuzz::token_bucket_target {

void take_and_give(input& in, token_bucket& bucket, plain_bucket& plain) {
  const auto most = static_cast<std::size_t>(bucket.capacity());
  const auto cost = static_cast<std::int64_t>(in.below(most + 1));
  switch (in.below(5)) {
    case 0: bucket.take(cost, plain.at); return plain.take(cost);
    case 1: bucket.give_back(cost); return plain.give_back(cost);
    default: {
      const time_point expected = plain.when(cost);
      require(bucket.try_take(cost, plain.at) == expected);
      require(plain.try_take(cost) == (expected == plain.at));
    }
  }
}

/// Fills an empty one at changing rates: never faster than the fastest of them.
void change_rates(input& in, token_bucket& bucket, time_point now) {
  std::int64_t granted = bucket.capacity(), refused = 0;
  double tokens = 0;
  double per_ns = 0;
  require(bucket.try_take(granted = bucket.level(now), now) == now);
  granted = 0;
  while (!in.empty() && tokens < 1e9) {
    const rate next{.tokens = static_cast<double>(1 + in.below(1000)), .per = std::chrono::microseconds(1 + in.below(1000))};
    const std::int64_t before = bucket.level(now);
    bucket.set_rate(next, now);
    const std::int64_t after = bucket.level(now);
    require(after <= before && after >= before - 1);
    per_ns = next.tokens / static_cast<double>(next.per.count());
    for (int i = 0; i < 4; ++i) {
      const duration passed(static_cast<duration::rep>(in.number(3)));
      now += passed;
      tokens += per_ns * static_cast<double>(passed.count());
      const auto cost = static_cast<std::int64_t>(in.below(8));
      if (cost > bucket.capacity()) continue;
      if (bucket.try_take(cost, now) == now) granted += cost;
      else ++refused;
      require(static_cast<double>(granted) <= tokens + 1);
      require(bucket.level(now) <= bucket.capacity());
    }
  }
}

void on_input(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  const auto tokens = static_cast<std::int64_t>(1 + in.below(1000));
  const duration per = std::chrono::microseconds(1 + in.below(1'000'000));
  const auto capacity = static_cast<std::int64_t>(1 + in.below(5000));
  const time_point now = start;
  token_bucket bucket({.refill = {.tokens = static_cast<double>(tokens), .per = per}, .capacity = capacity}, now);
  if (in.below(4) == 0) {
    change_rates(in, bucket, now);
    return;
  }
  plain_bucket plain(tokens, per, capacity, now);
  for (int steps = 0; !in.empty() && steps < 2000; ++steps) {
    if (in.below(2)) plain.advance(plain.at + in.span());
    take_and_give(in, bucket, plain);
    require(bucket.level(plain.at) == plain.level());
    const auto sum = static_cast<std::int64_t>(in.below(20'000));
    require(bucket.when(sum, plain.at) == plain.when(sum));
  }
}

const target registered("token_bucket", on_input);

}  // namespace catena::fuzz::token_bucket_target
