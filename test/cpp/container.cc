#include <doctest/doctest.h>

#include "real.hpp"

namespace test_of_container {

using namespace shm_liveness;

namespace {
constexpr ContainerId kMine{ContainerKind::mount_id, 7, 0};
}

TEST_CASE("another container is one only if that is certain") {
  CHECK(is_other_container(kMine, {ContainerKind::mount_id, 8, 0}));
  CHECK(is_other_container(kMine, {ContainerKind::mount_id, 7, 1}));
  CHECK_FALSE(is_other_container(kMine, kMine));
  CHECK_FALSE(is_other_container(kMine, {}));
  CHECK_FALSE(is_other_container({}, kMine));
  CHECK_FALSE(is_other_container({}, {}));
  CHECK_FALSE(is_other_container(kMine, {ContainerKind::mount_namespace, 8, 9}));
}

TEST_CASE("a container is the same for all of its processes") {
  const ContainerId here = this_container();
  CHECK(here.kind != ContainerKind::unknown);
  CHECK(real::in_child([&] { return is_other_container(here, this_container()) ? 1 : 0; }) == 0);
}

TEST_CASE("a container has started before now, and after the machine") {
  const Context context = read_context();
  CHECK(context.time_namespace != 0);
  CHECK(context.container_start_known);
  CHECK(context.container_start_ns > 0);
  CHECK(context.container_start_ns <= boottime_ns());
}

}  // namespace test_of_container
