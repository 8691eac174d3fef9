// SPDX-License-Identifier: BSL-1.0
/// \file
/// All that is measured of what speaks HTTP, as Prometheus reads it; see tests/ops/exposition.sh.
#include <catena/http/otlp_exporter.hpp>
#include <catena/http/webhook.hpp>
#include <catena/observe/metric_set.hpp>
#include <catena/observe/tracer.hpp>

#include <cstdlib>
#include <fstream>
#include <memory>

#include "http/support/http_world.hpp"

#include "support/catch.hpp"

TEST_CASE("all that is measured is told together by what speaks HTTP, and written into the file that $CATENA_EXPOSITION names") {
  using namespace catena;
  test::http_world w;
  http::otlp_options to_collector;
  to_collector.client.network = w.net;
  const auto exporter = std::make_shared<http::otlp_exporter>(*w.rt, to_collector);
  const runtime rt = w.world.runtime({.tracer = tracer::create({.sinks = {exporter}})});
  const http::client client(rt, {.network = w.net});
  const http::webhook hook(rt, {.url = "http://localhost/hook", .client = {.network = w.net}});
  const metric_set now = rt.metrics();
  for (const char* const family : {"catena_http_connections", "catena_otlp_dropped_spans", "catena_webhook_incidents"}) {
    INFO(family);
    CHECK(now.families().contains(family));
  }
  if (const char* const file = std::getenv("CATENA_EXPOSITION")) std::ofstream(file) << prometheus_text(now);
}
