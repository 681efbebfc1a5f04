// The table of mappings changes hands while a SIGBUS handler walks it: at each instruction of recover() another thread
// may give an entry up and take it for another mapping. A handler that paired the begin of the one with the end of the
// other would take all that lies between for a region, and put zeroes there.
#include <doctest/doctest.h>
#include <sys/mman.h>

#include "stepping.hpp"

namespace test_of_changing_table {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

constexpr std::size_t kPage = 4096;

// What a thread that is done with the entry's mapping and watches another one has stored in it.
void poke(pid_t child, truncation::Watched& entry, std::uint64_t begin, std::uint64_t end) {
  const auto store = [&](void* at, std::uint64_t value) { CHECK(ptrace(PTRACE_POKEDATA, child, at, value) == 0); };
  store(&entry.begin, begin);
  store(&entry.end, end);
  // `taken` and `turn` are one word to the tracer.
  store(&entry.taken, 1 | std::uint64_t(entry.turn.load_relaxed() + 4) << 32);
}

}  // namespace

TEST_CASE("nothing is put over memory that is not a region's, at whatever instruction the table changes") {
  static_assert(offsetof(truncation::Watched, turn) == offsetof(truncation::Watched, taken) + 4);
  auto* const memory =
      static_cast<char*>(::mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  REQUIRE(memory != MAP_FAILED);
  char* const foreign = memory + kPage;
  std::memset(foreign, 'f', kPage);
  for (const bool is_upwards : {true, false}) {
    char* const first = is_upwards ? memory : memory + 2 * kPage;
    char* const second = is_upwards ? memory + 2 * kPage : memory;
    truncation::Watched* const entry = truncation::watch(first, kPage);
    REQUIRE(entry == &truncation::g_watched[0]);  // the first that recover() looks at
    constexpr int kSteps = 200;                   // more than it takes for one entry
    for (int at = 0; at < kSteps; ++at) {
      const pid_t child = start_child([&] {
        ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        detail_of_stepping::mark();
        return truncation::recover(foreign) ? 1 : 0;
      });
      int status = 0;
      REQUIRE(waitpid(child, &status, 0) == child);
      for (int step = 0; step < at && WIFSTOPPED(status); ++step) {
        REQUIRE(ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0);
        REQUIRE(waitpid(child, &status, 0) == child);
      }
      REQUIRE(WIFSTOPPED(status));
      const auto begin = reinterpret_cast<std::uint64_t>(second);
      poke(child, *entry, begin, begin + kPage);
      REQUIRE(ptrace(PTRACE_CONT, child, nullptr, nullptr) == 0);
      CAPTURE(at);
      CHECK(wait_for(child) == 0);
      CHECK(foreign[0] == 'f');
    }
    truncation::unwatch(entry);
  }
  ::munmap(memory, 3 * kPage);
}

}  // namespace test_of_changing_table
