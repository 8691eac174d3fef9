// SPDX-License-Identifier: BSL-1.0
#include <catena/schedule/admission.hpp>

#include <boost/asio/io_context.hpp>

#include "asking.hpp"
#include "subjects.hpp"

namespace admission {

void add_catena(std::vector<bench::subject>& subjects) {
  add(subjects, "catena", [](double tokens_per_second) {
    struct service {
      explicit service(double tokens)
          : bucket(rt, "bucket", {.refill = {.tokens = tokens}, .capacity = capacity}), gate(rt, {.buckets = {bucket}}) {}
      boost::asio::io_context io;
      catena::runtime rt{io.get_executor()};
      catena::shared_bucket bucket;
      catena::admission gate;
    };
    const auto s = std::make_shared<service>(tokens_per_second);
    return [s, gate = &s->gate] { return gate->try_admit().has_value(); };
  });
}

}  // namespace admission
