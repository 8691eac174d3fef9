// SPDX-License-Identifier: BSL-1.0
/// \file
/// Rows of tensors in caches: what they are known by, and that they own their memory there.
#include <catena/cache.hpp>
#include <catena/chain.hpp>
#include <catena/testing/manual_world.hpp>
#include <catena/torch/row.hpp>

#include <array>
#include <cstdint>
#include <vector>

#include "support/outcome.hpp"

#include "support/catch.hpp"

namespace {

using catena::cache_key;
using catena::stage;
using catena::torch::dtype;
using catena::torch::row;

const catena::key_space row_answers("model", "1");
using extents_list = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("a row is known by its element type, its shape and its values") {
  std::array<float, 6> values{1, 2, 3, 4, 5, 6};
  std::array<float, 6> same = values;
  std::array<float, 6> other{1, 2, 3, 4, 5, 7};
  const extents_list flat{6}, wide{2, 3}, high{3, 2}, none{};
  const auto key = [](const row& r) { return row_answers.key(r); };
  const cache_key known = key(row(values.data(), dtype::float32, wide));
  CHECK(known == key(row(same.data(), dtype::float32, extents_list{2, 3})));
  CHECK(known != key(row(other.data(), dtype::float32, wide)));
  CHECK(known != key(row(values.data(), dtype::float32, high)));
  CHECK(known != key(row(values.data(), dtype::float32, flat)));
  CHECK(known != key(row(values.data(), dtype::int32, wide)));
  CHECK(key(row(values.data(), dtype::float32, none)) == key(row(same.data(), dtype::float32, none)));
}

TEST_CASE("a row that was made owned keeps shape and values when those it was made of change or go") {
  row owned(nullptr, dtype::float32, {});
  {
    std::vector<float> values{1, 2, 3, 4};
    extents_list extents{2, 2};
    owned = make_owned(row(values.data(), dtype::float32, extents));
    values.assign(4, 0);
    extents.assign(2, 7);
  }
  CHECK(extents_list(owned.shape().begin(), owned.shape().end()) == extents_list{2, 2});
  CHECK(owned.size() == 4);
  CHECK(owned.size_bytes() == 16);
  const auto values = std::as_const(owned).values<float>();
  CHECK(std::vector<float>(values.begin(), values.end()) == std::vector<float>{1, 2, 3, 4});
}

TEST_CASE("a copy of an owned row has values of its own, a copy of a view looks at the same") {
  std::array<float, 2> values{1, 2};
  const extents_list extents{2};
  const row owned = make_owned(row(values.data(), dtype::float32, extents));
  row copy = owned;
  copy.values<float>()[0] = 9;
  CHECK(owned.values<float>()[0] == 1);
  const row view(values.data(), dtype::float32, extents);
  row same = view;
  same.values<float>()[0] = 9;
  CHECK(values[0] == 9);
}

TEST_CASE("a stage that answers rows can be cached: what is kept does not look into the batch it came from") {
  catena::testing::manual_world world;
  const auto rt = world.runtime();
  const catena::cache<row> rows(rt, {}, [](const row& r) { return sizeof(row) + r.size_bytes(); });
  std::vector<float> tensor{1, 2, 3, 4};
  const extents_list extents{2};
  const auto c = catena::make_chain<int>(rt, "c", [&](auto in) {
    return in >> stage("row", [&](int i) { return row(tensor.data() + 2 * i, dtype::float32, extents); }).cache(rows)
              >> stage("first", [](row&& r) {
                   r.values<float>()[1] = -1;  // the consumer's own copy
                   return r.values<float>()[0];
                 });
  });
  for (int i = 0; i < 2; ++i) {
    catena::test::outcome<float> end;
    c.async_run(1, end.take());
    world.run();
    CHECK(end.value() == 3);
    tensor.assign(4, 0);
  }
  CHECK(rows.stats().hits == 1);
  CHECK(rows.stats().bytes == sizeof(row) + 8);
}
