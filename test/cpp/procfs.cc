#include <doctest/doctest.h>

#include <shm_liveness/procfs.hpp>
#include <string>

namespace test_of_procfs {

using namespace shm_liveness;

TEST_CASE("a stat line is read behind the command, whatever that is called") {
  constexpr std::string_view kStat = "17 (a) b (c) D 1 17 0 34816 42\n";
  CHECK(stat_field(kStat, 3) == "D");
  CHECK(stat_field(kStat, 4) == "1");
  CHECK(stat_field(kStat, 8) == "42");
  CHECK(stat_field(kStat, 9).empty());
  CHECK(stat_field("no command", 3).empty());
  CHECK(stat_field("17 (x)", 3).empty());
}

TEST_CASE("a process knows when it was started") {
  CHECK(start_ticks("/proc/self/stat") > 0);
  CHECK(start_ticks("/proc/self/stat") >= start_ticks("/proc/1/stat"));
}

TEST_CASE("without /proc each answer is not known") {
  char buffer[16];
  CHECK(read_small_file("/nowhere", buffer, sizeof buffer).empty());
  CHECK(start_ticks("/nowhere") == 0);
  CHECK(namespace_inode("/nowhere") == 0);
}

TEST_CASE("a file longer than the buffer is read as far as it goes") {
  char buffer[4];
  CHECK(read_small_file("/proc/self/stat", buffer, sizeof buffer).size() == sizeof buffer);
}

}  // namespace test_of_procfs
