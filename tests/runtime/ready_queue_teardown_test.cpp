// SPDX-License-Identifier: BSL-1.0
#include <catena/runtime/ready_queue.hpp>

#include <boost/asio/io_context.hpp>

#include <memory>

#include "support/catch.hpp"

namespace {

struct counted_wakes : catena::ready_node {
  int resumed = 0;
  int abandoned = 0;
  counted_wakes() {
    resume = [](catena::ready_node& node, catena::wake how) {
      auto& self = static_cast<counted_wakes&>(node);
      ++(how == catena::wake::resumed ? self.resumed : self.abandoned);
    };
  }
};

}  // namespace

TEST_CASE("a ready queue whose executor dies with its drainer still posted abandons what waits, once") {
  counted_wakes node;
  {
    auto context = std::make_unique<boost::asio::io_context>();
    auto queue = std::make_shared<catena::ready_queue>(context->get_executor());
    queue->push(node);
    queue->executor_gone();  // as the runtime's watch does, before the executor destroys what is posted
    CHECK(node.abandoned == 1);
    queue.reset();
    context.reset();
  }
  CHECK(node.abandoned == 1);
  CHECK(node.resumed == 0);
}
