#include <doctest/doctest.h>

#include <shm_liveness/policy.hpp>
#include <string>
#include <vector>

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

TEST_CASE("the wait for one new beat is max age, within 50 to 300 ms") {
  const Policy policy;
  CHECK(confirm_ns_for(policy, 1) == kConfirmFloorNs);
  CHECK(confirm_ns_for(policy, kConfirmFloorNs) == kConfirmFloorNs);
  CHECK(confirm_ns_for(policy, 250'000'000) == 250'000'000);
  CHECK(confirm_ns_for(policy, kConfirmCeilingNs + 1) == kConfirmCeilingNs);
  CHECK(confirm_ns_for({.confirm_ns = 7}, 250'000'000) == 7);
  CHECK(confirm_ns_for({.confirm_ns = 0}, 250'000'000) == 0);
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
