#include <doctest/doctest.h>

#include <shm_liveness/policy.hpp>
#include <string>
#include <vector>

namespace test_of_policy {

using namespace shm_liveness;

namespace {
std::vector<std::string> names_in(std::string_view list) {
  std::vector<std::string> names;
  for_each_name(list, [&](std::string_view name) {
    names.emplace_back(name);
    return true;
  });
  return names;
}
}  // namespace

TEST_CASE("without a rhythm the wait for one new beat is max age, within 50 to 300 ms") {
  const Policy policy;
  CHECK(confirm_ns_for(policy, 1, 0) == kConfirmFloorNs);
  CHECK(confirm_ns_for(policy, kConfirmFloorNs, 0) == kConfirmFloorNs);
  CHECK(confirm_ns_for(policy, 250'000'000, 0) == 250'000'000);
  CHECK(confirm_ns_for(policy, kConfirmCeilingNs + 1, 0) == kConfirmCeilingNs);
  CHECK(confirm_ns_for(policy, 250'000'000, 1) == 250'000'000);
}

TEST_CASE("a worker whose cycles take longer is given one of them, as far as the probe's timeout allows") {
  Policy policy;
  CHECK(confirm_ns_for(policy, 250'000'000, 700'000'000) == 700'000'000);
  CHECK(confirm_ns_for(policy, 250'000'000, ~std::uint64_t(0)) == kDefaultTimeoutNs - kTimeoutReserveNs);
  policy.timeout_ns = 5'000'000'000;
  CHECK(confirm_ns_for(policy, 2'000'000'000, 1'073'741'824) == 1'073'741'824);
  CHECK(confirm_ns_for(policy, 2'000'000'000, 60'000'000'000) == 5'000'000'000 - kTimeoutReserveNs);
  policy.timeout_ns = 100'000'000;  // too short to take the reserve off
  CHECK(confirm_ns_for(policy, 250'000'000, 0) == 50'000'000);
  policy.timeout_ns = 2 * kTimeoutReserveNs;
  CHECK(confirm_ns_for(policy, 250'000'000, kDefaultTimeoutNs) == kTimeoutReserveNs);
}

TEST_CASE("a wait that was set is taken as it is, rhythm and timeout or not") {
  CHECK(confirm_ns_for({.confirm_ns = 7}, 250'000'000, 900'000'000) == 7);
  CHECK(confirm_ns_for({.confirm_ns = 0}, 250'000'000, 900'000'000) == 0);
  CHECK(confirm_ns_for({.confirm_ns = 9'000'000'000}, 250'000'000, 0) == 9'000'000'000);
}

TEST_CASE("a list of names skips what is empty, and stops when told") {
  CHECK(names_in("").empty());
  CHECK(names_in("a") == std::vector<std::string>{"a"});
  CHECK(names_in(",a,,b,") == std::vector<std::string>{"a", "b"});
  int visits = 0;
  CHECK_FALSE(for_each_name("a,b", [&](std::string_view) { return ++visits > 5; }));
  CHECK(visits == 1);
}

TEST_CASE("each check has its word") {
  CHECK(std::string(name_of(Check::liveness)) == "liveness");
  CHECK(std::string(name_of(Check::readiness)) == "readiness");
  CHECK(std::string(name_of(Check::startup)) == "startup");
}

}  // namespace test_of_policy
