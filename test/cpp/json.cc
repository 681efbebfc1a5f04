#include <doctest/doctest.h>

#include <shm_liveness/json.hpp>
#include <string>
#include <vector>

#include "facts.hpp"

namespace test_of_json {

using namespace shm_liveness;
using namespace shm_liveness::made_up;

TEST_CASE("a worker is one flat object, its durations in nanoseconds") {
  char buffer[1024];
  Text out(buffer);
  Json json(out);
  WorkerFacts worker = in_phase(ready(), 5 * kMs, kSecond);
  worker.slot = 3;
  worker.claims = 2;
  worker.worst_cycle_ns = 12;
  worker.cycle_limit_ns = 13;
  worker.late_cycles = 14;
  worker.restarts = 15;
  json_worker(json, worker, region(), Condition::running, {});
  CHECK(std::string(out.view()) ==
        R"({"name":"grabber","region":"camera","condition":"running","ready":true,"ageNs":5000000,)"
        R"("limitNs":1000000000,"beats":1000,"worstCycleNs":12,"cycleLimitNs":13,"lateCycles":14,"pid":17,"slot":3,)"
        R"("claims":2,"restarts":15,"phase":"calibrate"})");
}

TEST_CASE("a verdict says check, exit and line, and the code of a fault") {
  char buffer[1024];
  Text out(buffer);
  Json json(out);
  json.open('{');
  Verdict verdict;
  json_verdict(json, verdict, {}, "healthy");
  json.close('}');
  CHECK(std::string(out.view()) ==
        R"({"verdict":"healthy","healthy":true,"check":"liveness","exit":0,"line":"healthy"})");
}

TEST_CASE("the code of a fault is there when there is one") {
  char buffer[1024];
  Text out(buffer);
  Json json(out);
  json.open('{');
  Verdict verdict;
  verdict.kind = Kind::unusable;
  verdict.passes = false;
  verdict.fault = Fault::magic;
  json_verdict(json, verdict, {}, "x");
  json.close('}');
  CHECK(std::string(out.view()) ==
        R"({"verdict":"unusable","healthy":false,"check":"liveness","exit":3,"line":"x","code":"REGION_MAGIC"})");
}

TEST_CASE("foreign text is escaped and cleaned") {
  char buffer[256];
  Text out(buffer);
  Json json(out);
  json.open('{').foreign("a", "\"\\\n\xff").string("b", "\"").close('}');
  CHECK(std::string(out.view()) == R"({"a":"\"\\??","b":"\""})");
}

TEST_CASE("commas stand between, and only there") {
  char buffer[256];
  Text out(buffer);
  Json json(out);
  json.open('[');
  for (std::uint64_t i = 0; i < 2; ++i) {
    json.next();
    json.open('{').number("i", i).boolean("last", i == 1).close('}');
  }
  json.close(']');
  CHECK(std::string(out.view()) == R"([{"i":0,"last":false},{"i":1,"last":true}])");
}

}  // namespace test_of_json
