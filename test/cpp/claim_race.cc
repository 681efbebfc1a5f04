// Many claimants at once. The region does not exist when they begin, so its making is part of the race.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "real.hpp"

namespace test_of_claim_race {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

constexpr int kClaimants = 16;

struct Race {
  // Each child claims at the same moment, and keeps what it got until all are done.
  template <class Options>
  explicit Race(Options&& options_of) {
    for (int i = 0; i < kClaimants; ++i) {
      children_.push_back(start_child([&, i] {
        begin_.wait();
        auto [heartbeat, failure] = Heartbeat::claim(options_of(i));
        const unsigned char fault = static_cast<unsigned char>(failure.fault);
        if (::write(results_.in(), &fault, 1) != 1) return 1;
        end_.wait();
        return 0;
      }));
    }
    begin_.open();
    for (int i = 0; i < kClaimants; ++i) {
      unsigned char fault = 0xff;
      CHECK(::read(results_.out(), &fault, 1) == 1);
      faults.push_back(static_cast<Fault>(fault));
    }
  }
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;
  ~Race() {
    end_.open();
    for (const pid_t child : children_) CHECK(wait_for(child) == 0);
  }
  long winners() const { return std::count(faults.begin(), faults.end(), Fault::none); }
  std::vector<Fault> faults;

 private:
  struct Results {
    Results() { CHECK(pipe(ends) == 0); }
    ~Results() {
      ::close(ends[0]);
      ::close(ends[1]);
    }
    int out() const { return ends[0]; }
    int in() const { return ends[1]; }
    int ends[2];
  };
  Gate begin_;
  Gate end_;
  Results results_;
  std::vector<pid_t> children_;
};

}  // namespace

TEST_CASE("of many claimants of one name exactly one wins, and the others are told who lives") {
  for (int round = 0; round < 10; ++round) {
    const UniqueRegion region;
    const Race race([&](int) { return options_for(region, "one"); });
    CHECK(race.winners() == 1);
    CHECK(std::count(race.faults.begin(), race.faults.end(), Fault::name_taken) == kClaimants - 1);
    CHECK(Opened(region.place()).used_slots() == 1);
  }
}

TEST_CASE("claimants of many names all win, each in a slot of its own") {
  for (int round = 0; round < 5; ++round) {
    const UniqueRegion region;
    std::vector<std::string> names;
    for (int i = 0; i < kClaimants; ++i) names.push_back("worker-" + std::to_string(i));
    const Race race([&](int i) { return options_for(region, names[static_cast<std::size_t>(i)], kClaimants); });
    CHECK(race.winners() == kClaimants);
    std::set<int> slots;
    for (const std::string& name : names) slots.insert(slot_of(region, name));
    CHECK(slots.size() == kClaimants);
    CHECK(slots.count(-1) == 0);
  }
}

TEST_CASE("of more claimants than slots as many win as there are slots") {
  const UniqueRegion region;
  std::vector<std::string> names;
  for (int i = 0; i < kClaimants; ++i) names.push_back("worker-" + std::to_string(i));
  const Race race([&](int i) { return options_for(region, names[static_cast<std::size_t>(i)], 5); });
  CHECK(race.winners() == 5);
  CHECK(std::count(race.faults.begin(), race.faults.end(), Fault::no_slot) == kClaimants - 5);
}

TEST_CASE("of many claimants that find junk in the region's place, none is lost in the replacing") {
  for (int round = 0; round < 5; ++round) {
    const UniqueRegion region;
    const int fd = sys::open(region.path().c_str(), sys::kCreate | sys::kWriteOnly, 0600);
    REQUIRE(sys::write(fd, "junk", 4) == 4);
    sys::close(fd);
    std::vector<std::string> names;
    for (int i = 0; i < kClaimants; ++i) names.push_back("worker-" + std::to_string(i));
    const Race race([&](int i) { return options_for(region, names[static_cast<std::size_t>(i)], kClaimants); });
    CHECK(race.winners() == kClaimants);
    for (const std::string& name : names) CHECK(facts_of(region, name).lock == Lock::held);
  }
}

TEST_CASE("of many who take over one dead name exactly one wins") {
  const UniqueRegion region;
  leave_dead(options_for(region, "one"));
  const Race race([&](int) { return options_for(region, "one"); });
  CHECK(race.winners() == 1);
  CHECK(facts_of(region, "one").claims == 2);
}

}  // namespace test_of_claim_race
