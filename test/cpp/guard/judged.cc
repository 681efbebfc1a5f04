// Workers judged one at a time, of which only some are kept, beside all of them judged at once.
#include "guard/judged.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "../facts.hpp"
#include "random.hpp"

namespace test_of_guard_judged {

using namespace shm_liveness;
using namespace shm_liveness::made_up;
using guard::Judged;
using guard::Judging;
using guard::Random;

namespace {

WorkerFacts any_worker(Random& random, std::uint32_t index) {
  const std::string name = "w" + std::to_string(index % 40);
  switch (random.below(8)) {
    case 0:
      return stalled(name);
    case 1:
      return dead(name);
    case 2:
      return claimed(random.below(100) * kSecond);
    case 3:
      return left_over();
    case 4:
      return marked(dead(name), 5 * kSecond, random.below(10) * kSecond);
    default:
      return ready(name);
  }
}

}  // namespace

TEST_CASE("keeps the one worker that the verdict is about") {
  Random random;
  constexpr std::string_view kExpected[] = {"", "", "w3", "w1,w7,nobody"};
  for (int i = 0; i < 5'000; ++i) {
    std::vector<WorkerFacts> workers;
    for (std::uint64_t count = random.below(12); count > 0; --count) {
      const auto slot = static_cast<std::uint32_t>(workers.size());
      workers.push_back(random.chance(60) ? ready("r") : any_worker(random, slot));
      workers.back().slot = slot;
    }
    const std::vector<RegionFacts> regions = {region()};
    const Surroundings around = here(random.below(200) * kSecond);
    const Policy policy{.check = static_cast<Check>(random.below(3)),
                        .expect = random.one_of(kExpected),
                        .min = static_cast<std::uint32_t>(random.chance(20) ? random.below(6) : 0)};

    const Verdict all = judge(regions, workers, around, policy);
    Judging judging(regions, around, policy);
    for (const WorkerFacts& worker : workers) judging.add(worker);
    Judged judged;
    judging.conclude(judged);

    CHECK(judged.verdict.kind == all.kind);
    CHECK(judged.verdict.passes == all.passes);
    CHECK(judged.verdict.others == all.others);
    REQUIRE(judged.about().size() == (all.worker >= 0 ? 1 : 0));
    if (all.worker >= 0) CHECK(judged.about()[0].slot == workers[static_cast<std::size_t>(all.worker)].slot);
  }
}

}  // namespace test_of_guard_judged
