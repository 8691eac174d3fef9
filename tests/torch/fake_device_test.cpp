// SPDX-License-Identifier: BSL-1.0
/// \file
/// The fake accelerator itself: what it computes, in which order, and what it finds out.
#include "support/saved_modules.hpp"

#include <c10/core/Event.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "torch/support/fake_device.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using catena::test::fake_clock;
using catena::test::fake_device;
using catena::test::fake_direction;
using catena::test::fake_work;

const c10::Device first_fake(c10::DeviceType::XPU, 0), second_fake(c10::DeviceType::XPU, 1);

c10::Stream fake_stream(const c10::Device& device = first_fake) {
  return c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
}

/// The work of this name, the last one of it.
fake_work fake_work_of(const fake_device& fake, const std::string& what) {
  const auto log = fake.log();
  const auto found = std::find_if(log.rbegin(), log.rend(), [&](const fake_work& w) { return w.what == what; });
  REQUIRE(found != log.rend());
  return *found;
}

bool fake_overlap(const fake_work& a, const fake_work& b) { return a.begin < b.end && b.begin < a.end; }

}  // namespace

TEST_CASE("a TorchScript module on the fake device answers what the CPU answers, to the bit") {
  fake_device fake;
  const catena::test::scratch_folder folder("fake_device");
  catena::test::save_layers(folder.file("layers.pt"), 16, 32, 4);
  const at::Tensor x = at::randn({8, 16});
  auto here = torch::jit::load(folder.file("layers.pt"));
  auto there = torch::jit::load(folder.file("layers.pt"), first_fake);
  for (int run = 0; run < 3; ++run) {  // the interpreter optimises after the first one
    const at::Tensor expected = here.forward({x}).toTensor();
    const at::Tensor answer = there.forward({x.to(first_fake)}).toTensor();
    CHECK(answer.device() == first_fake);
    CHECK(at::equal(answer.to(c10::kCPU), expected));
  }
  CHECK(fake.faults().empty());
}

TEST_CASE("operators of all kinds answer on the fake device what they answer on the CPU, to the bit") {
  fake_device fake;
  const c10::InferenceMode no_gradients;
  const at::Tensor x = at::randn({4, 6}), y = at::randn({4, 6}), image = at::randn({2, 3, 8, 8}), weight = at::randn({4, 3, 3, 3});
  const at::Tensor ids = at::tensor({1, 0, 3}, c10::kLong), table = at::randn({5, 4}), square = at::randn({6, 6});
  const auto same = [](const char* what, auto compute, const auto&... on_cpu) {
    INFO(what);
    const at::Tensor expected = compute(on_cpu...);
    const at::Tensor answer = compute(on_cpu.to(first_fake)...);
    REQUIRE(answer.device() == first_fake);
    CHECK(answer.strides() == expected.strides());
    CHECK(at::equal(answer.to(c10::kCPU), expected));
  };
  same("structured, in place, with scalars",
       [](const auto& a, const auto& b) { return at::add(a, b).mul_(2).relu().sub(1.5); }, x, y);
  same("lists in and out", [](const auto& a, const auto& b) { return at::cat({a, b}, 1).split(3, 1)[2]; }, x, y);
  same("views", [](const auto& a) { return a.t().slice(0, 1, 4).select(1, 2).unsqueeze(0); }, x);
  same("views and reshape", [](const auto& a) { return a.view({2, 12}).transpose(0, 1).reshape({8, 3}); }, x);
  same("several results", [](const auto& a) { return std::get<1>(a.topk(3)); }, x);
  same("sorting", [](const auto& a) { return a.argsort(std::int64_t{1}); }, x);
  same("reductions", [](const auto& a) { return at::softmax(a, 1).sum(0, true).mean(); }, x);
  same("convolution",
       [](const auto& a, const auto& w) { return at::max_pool2d(at::conv2d(a, w, {}, 1, 1), {2, 2}); }, image, weight);
  same("embedding", [](const auto& t, const auto& i) { return at::embedding(t, i); }, table, ids);
  same("index_select", [](const auto& t, const auto& i) { return t.index_select(0, i); }, table, ids);
  same("optional tensors", [](const auto& t, const auto& i) { return t.index({i}); }, table, ids);
  same("a shape that is found out", [](const auto& a) { return a.masked_select(a > 0); }, x);
  same("where", [](const auto& a) { return at::where(a > 0, a, at::zeros_like(a)); }, x);
  same("layer norm", [](const auto& a) { return at::layer_norm(a, {6}); }, x);
  same("group norm", [](const auto& a) { return at::group_norm(a, 3); }, image);
  same("einsum", [](const auto& a, const auto& b) { return at::einsum("ij,jk->ik", {a, b}); }, x, square);
  same("bfloat16", [](const auto& a) { return a.to(c10::kBFloat16).matmul(a.to(c10::kBFloat16).t()).to(c10::kFloat); }, x);
  same("a factory", [](const auto& a) { return at::arange(6, a.options()).add(a).cumsum(1).flip({0}).contiguous(); }, x);
  const auto grow = [](const auto& a) {
    at::Tensor grown = at::empty({0}, a.options());
    at::cat_out(grown, {a, a});
    return grown.narrow(0, 3, 2).add_(7);
  };
  same("a result that grows", grow, x);
  CHECK(x.to(first_fake).to(second_fake).add(y.to(second_fake)).to(c10::kCPU).equal(x.add(y)));
  CHECK(at::equal(x.to(first_fake), x.to(first_fake)));
  CHECK(x.to(first_fake)[1][2].item<float>() == x[1][2].item<float>());
  CHECK(fake.faults().empty());
}

TEST_CASE("the fake device is there for as long as one lives, and refuses what real ones refuse") {
  const auto count = [] { return c10::impl::VirtualGuardImpl(first_fake.type()).deviceCount(); };
  CHECK(count() == 0);
  fake_device fake;
  CHECK(count() == 2);
  CHECK_THROWS_WITH(fake_device(), ContainsSubstring("there is a fake device already"));
  const at::Tensor here = at::ones({3, 3}), first = here.to(first_fake), second = here.to(second_fake);
  CHECK_THROWS_AS(first.matmul(here), c10::Error);
  CHECK_THROWS_AS(first.matmul(second), c10::Error);
  CHECK_THROWS_AS(first + second, c10::Error);
  CHECK_THROWS_AS(at::empty({1}, first.options().pinned_memory(true)), c10::Error);
  CHECK((first + 1).sum().item<float>() == 18.0F);
}

TEST_CASE("a copy that does not block happens when it is needed, and reaches the host when that waits for it") {
  fake_device fake({.copy_lasts = 100ms});
  const c10::InferenceMode no_gradients;
  const c10::StreamGuard on(fake_stream());
  const at::Tensor host = at::ones({4});
  at::Tensor there = at::empty({4}, first_fake), back = at::zeros({4});
  const auto begin = fake_clock::now();
  there.copy_(host, true);
  back.copy_(there.mul(2), true);
  CHECK(fake_clock::now() - begin < 100ms);  // nobody has waited
  CHECK_FALSE(on.current_stream().query());
  CHECK(back.sum().item<float>() == 0.0F);
  on.current_stream().synchronize();
  CHECK(fake_clock::now() - begin >= 200ms);
  CHECK(on.current_stream().query());
  CHECK(back.sum().item<float>() == 8.0F);
  CHECK(fake.faults().empty());
}

TEST_CASE("a copy that blocks waits for its stream") {
  fake_device fake({.kernel_lasts = 20ms});
  const at::Tensor there = at::ones({4}, first_fake);
  const at::Tensor back = there.mul(2).to(c10::kCPU);
  CHECK(back.sum().item<float>() == 8.0F);
  CHECK(fake_work_of(fake, "device to host").begin >= fake_work_of(fake, "aten::mul").end);
  CHECK(fake_clock::now() >= fake_work_of(fake, "device to host").end);
}

TEST_CASE("work of one stream is in order, and that of two is not") {
  fake_device fake({.copy_lasts = 50ms, .kernel_lasts = 50ms});
  const c10::InferenceMode no_gradients;
  const at::Tensor host = at::ones({4});
  const c10::Stream one = fake_stream(), two = fake_stream();
  for (const c10::Stream& stream : {one, two}) {
    const c10::StreamGuard on(stream);
    at::Tensor there = at::empty({4}, first_fake);
    there.copy_(host, true);
    there.neg_();
  }
  const auto log = fake.log();
  REQUIRE(log.size() == 4);
  CHECK(log[0].what == "host to device");
  CHECK(log[0].stream == one.id());
  CHECK(log[0].end == log[1].begin);
  CHECK(log[2].stream == two.id());
  CHECK(fake_overlap(log[0], log[2]));
  one.synchronize();
  two.synchronize();
  CHECK(fake.faults().empty());
}

TEST_CASE("a stream that waits for an event goes on when it has fired, with what was written before it") {
  fake_device fake({.copy_lasts = 100ms});
  const c10::InferenceMode no_gradients;
  const at::Tensor host = at::ones({4});
  const c10::Stream up = fake_stream(), computing = fake_stream();
  at::Tensor there = at::empty({4}, first_fake), answer;
  c10::Event copied(first_fake.type());
  CHECK(copied.query());  // never recorded
  {
    const c10::StreamGuard on(up);
    there.copy_(host, true);
    copied.record(up);
  }
  CHECK_FALSE(copied.query());
  computing.wait(copied);
  {
    const c10::StreamGuard on(computing);
    answer = there.neg();
  }
  CHECK(fake_work_of(fake, "aten::neg").begin >= fake_work_of(fake, "host to device").end);
  computing.synchronize();
  CHECK(copied.query());
  CHECK(answer.sum().item<float>() == -4.0F);
  CHECK(fake.faults().empty());
}

TEST_CASE("a stream that uses what another one writes, and waits for nothing, is at fault") {
  fake_device fake;
  const c10::InferenceMode no_gradients;
  const at::Tensor host = at::ones({4});
  const c10::Stream up = fake_stream(), computing = fake_stream();
  at::Tensor there = at::empty({4}, first_fake);
  {
    const c10::StreamGuard on(up);
    there.copy_(host, true);
  }
  const c10::StreamGuard on(computing);
  const at::Tensor answer = there.neg();
  const auto faults = fake.faults();
  REQUIRE(faults.size() == 1);
  CHECK_THAT(faults[0], ContainsSubstring("'aten::neg' on stream " + std::to_string(computing.id()) + " of device 0 reads what stream " +
                                          std::to_string(up.id()) + " of device 0 writes"));
}

TEST_CASE("memory that is given back while a stream that it is not of uses it is at fault") {
  fake_device fake;
  const c10::InferenceMode no_gradients;
  const c10::Stream computing = fake_stream();
  const auto use = [&](bool record, bool wait) {
    fake.forget();
    const at::Tensor there = at::empty({4}, first_fake);  // of the default stream
    const c10::StreamGuard on(computing);
    const at::Tensor answer = there.neg();
    if (record) there.record_stream(computing);
    if (wait) computing.synchronize();
  };
  use(false, false);
  REQUIRE(fake.faults().size() == 1);
  CHECK_THAT(fake.faults()[0], ContainsSubstring("memory of stream 0 of device 0 is given back while stream "));
  use(false, true);
  CHECK(fake.faults().empty());
  use(true, false);
  CHECK(fake.faults().empty());
}

TEST_CASE("host memory that changes while it is copied is at fault") {
  fake_device fake({.copy_lasts = 1ms});
  const c10::InferenceMode no_gradients;
  at::Tensor host = at::ones({4}), there = at::empty({4}, first_fake);
  there.copy_(host, true);
  const at::Tensor answer = there.neg();
  host.zero_();
  CHECK(answer.to(c10::kCPU).sum().item<float>() == -4.0F);
  REQUIRE(fake.faults().size() == 1);
  CHECK(fake.faults()[0] == "host memory changed while it was copied to the device");
}

TEST_CASE("several threads use the fake device at once, each with a stream of its own", "[concurrency]") {
  fake_device fake({.copy_lasts = 100us, .kernel_lasts = 100us});
  const at::Tensor weight = at::full({4, 4}, 2.0F).to(first_fake);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&, i] {
      const c10::InferenceMode no_gradients;
      const c10::Stream stream = fake_stream();
      const c10::StreamGuard on(stream);
      at::Tensor host = at::empty({4, 4}), there = at::empty({4, 4}, first_fake), back = at::empty({4, 4});
      for (int round = 0; round < 20; ++round) {
        host.fill_(i + round);
        there.copy_(host, true);
        back.copy_(there.matmul(weight), true);
        c10::Event done(first_fake.type());
        done.record(stream);
        while (!done.query()) std::this_thread::yield();
        right += back.sum().item<float>() == static_cast<float>(i + round) * 128;
      }
    });
  for (std::thread& t : threads) t.join();
  CHECK(right == 60);
  CHECK(fake.faults().empty());
}

TEST_CASE("the fake device counts what is copied in each direction") {
  fake_device fake;
  const c10::InferenceMode no_gradients;
  const at::Tensor there = at::ones({4}).to(first_fake), image = at::randn({1, 1, 8, 8}).to(first_fake);
  const auto is = [&](fake_direction direction, std::size_t count, std::size_t bytes) {
    CHECK(fake.copies(direction).count == count);
    CHECK(fake.copies(direction).bytes == bytes);
  };
  is(fake_direction::host_to_device, 2, 16 + 256);
  (void)at::conv2d(image, image);  // nothing that its kernel does counts
  is(fake_direction::host_to_device, 2, 16 + 256);
  is(fake_direction::device_to_host, 0, 0);
  (void)there.clone();
  is(fake_direction::device_to_device, 1, 16);
  (void)there.to(c10::kCPU);
  (void)there.sum().item();
  is(fake_direction::device_to_host, 2, 16 + 4);
  fake.forget();
  is(fake_direction::device_to_host, 0, 0);
}

TEST_CASE("the fake device has as much memory as it is said to have, and throws as CUDA does where it has no more") {
  fake_device fake({.memory_bytes = 4096});
  const c10::InferenceMode no_gradients;
  const std::size_t before = fake.bytes_in_use();
  {
    const at::Tensor most = at::empty({768}, first_fake);
    CHECK(fake.bytes_in_use() == before + 3072);
    CHECK_THROWS_AS(at::empty({512}, first_fake), c10::OutOfMemoryError);
    CHECK_THROWS_WITH(most.add(1), ContainsSubstring("out of memory. Tried to allocate 3072 bytes"));
    const at::Tensor other = at::empty({1024}, second_fake);  // has its own
    CHECK(fake.bytes_in_use(1) >= 4096);
  }
  CHECK(fake.bytes_in_use() == before);
  CHECK(fake.peak_bytes() == before + 3072);
  fake.forget();
  CHECK(fake.peak_bytes() == before);
}
