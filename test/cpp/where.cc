#include <doctest/doctest.h>

#include <shm_liveness/where.hpp>
#include <string>
#include <thread>

namespace test_of_where {

using namespace shm_liveness;

namespace {

std::string frames_of(const Where& where) {
  WhereFacts facts;
  return read_where(where, facts) ? std::string(facts.text()) : std::string();
}

}  // namespace

TEST_CASE("a place is read as it was written") {
  Where where{};
  StuckSequence stuck;
  REQUIRE(set_where(where, WhereKind::frames, 50, 30, "inner (a.ts:1:2)\nouter (b.ts:3:4)", stuck));
  WhereFacts facts;
  REQUIRE(read_where(where, facts));
  CHECK(facts.kind == WhereKind::frames);
  CHECK(facts.taken_ns == 50);
  CHECK(facts.silent_ns == 30);
  CHECK(facts.text() == "inner (a.ts:1:2)\nouter (b.ts:3:4)");
  CHECK(is_of_silence(facts, 49));
  CHECK_FALSE(is_of_silence(facts, 50));
}

TEST_CASE("an empty life knows of no place") {
  WhereFacts facts;
  CHECK_FALSE(read_where(Where{}, facts));
  CHECK_FALSE(is_of_silence(facts, 0));
}

TEST_CASE("control bytes and invalid UTF-8 are not written, and empty lines are left out") {
  Where where{};
  StuckSequence stuck;
  REQUIRE(set_where(where, WhereKind::frames, 1, 0, "\x1b[31mred\r\n\n\xff\xc3\xa4\tb\n", stuck));
  CHECK(frames_of(where) == "?[31mred?\n?\xc3\xa4?b");
}

TEST_CASE("whole lines are dropped from the end, and a first line that is too long is cut at a character") {
  Where where{};
  StuckSequence stuck;
  std::string many;
  for (int i = 0; i < 100; ++i) many += "frame" + std::to_string(i) + " (file.ts:1:1)\n";
  REQUIRE(set_where(where, WhereKind::frames, 1, 0, many, stuck));
  CHECK(frames_of(where).size() < kFramesBytes);
  CHECK(frames_of(where).size() > kFramesBytes - 30);
  CHECK(frames_of(where).ends_with("(file.ts:1:1)"));
  std::string wide;
  for (int i = 0; i < 400; ++i) wide += "\xc3\xa4";
  REQUIRE(set_where(where, WhereKind::frames, 1, 0, wide, stuck));
  CHECK(frames_of(where) == wide.substr(0, 606));
}

TEST_CASE("a count that stays odd stops no reader, and a writer takes it over after a while") {
  Where where{};
  StuckSequence stuck;
  REQUIRE(set_where(where, WhereKind::frames, 1, 0, "before", stuck));
  where.sequence.store_relaxed(where.sequence.load_relaxed() + 1);  // a writer was killed
  CHECK(frames_of(where).empty());
  CHECK_FALSE(set_where(where, WhereKind::frames, 2, 0, "at once", stuck));
  CHECK(stuck.odd == where.sequence.load_relaxed());
  stuck.since_ns -= kAbandonedNs;
  REQUIRE(set_where(where, WhereKind::frames, 2, 0, "after", stuck));
  CHECK(frames_of(where) == "after");
}

TEST_CASE("a writer whose sequence was taken over does not end the text of the other") {
  Word32 sequence{};
  StuckSequence first, second;
  const std::uint32_t slow = detail::take_sequence(sequence, 0, first);
  REQUIRE(slow == 1);
  CHECK(detail::take_sequence(sequence, 0, second) == 0);
  CHECK(detail::take_sequence(sequence, kAbandonedNs - 1, second) == 0);
  const std::uint32_t quick = detail::take_sequence(sequence, kAbandonedNs, second);
  REQUIRE(quick == 3);
  CHECK_FALSE(sequence.replace(slow, slow + 1));
  CHECK(sequence.replace(quick, quick + 1));
}

TEST_CASE("two writers never mix their texts") {
  Where where{};
  std::atomic<bool> done = false;
  const auto write = [&](char letter) {
    StuckSequence stuck;
    const std::string text(500, letter);
    for (int i = 0; i < 20'000; ++i) {
      set_where(where, WhereKind::frames, static_cast<std::uint64_t>(letter), 0, text, stuck);
    }
  };
  int torn = 0;
  std::thread reader([&] {
    while (!done.load()) {
      WhereFacts facts;
      if (!read_where(where, facts)) continue;
      torn += facts.text() != std::string(500, static_cast<char>(facts.taken_ns));
    }
  });
  std::thread one(write, 'a');
  write('b');
  one.join();
  done = true;
  reader.join();
  CHECK(torn == 0);
}

TEST_CASE("an unknown kind is nothing") {
  Where where{};
  where.kind.store_relaxed(77);
  WhereFacts facts;
  CHECK_FALSE(read_where(where, facts));
}

TEST_CASE("slow places are counted, and the rarest makes room") {
  Life life{};
  const auto count_of = [&](std::string_view text) {
    for (const SlowPlace& place : life.slow_places) {
      SlowPlaceFacts facts;
      if (read_slow_place(place, facts) && std::string_view(facts.text) == text) return facts.count;
    }
    return 0u;
  };
  for (int i = 0; i < 11; ++i) count_slow_place(life, "gzipSync (report.ts:19)");
  for (const char* text : {"b", "c", "d", "b", "c"}) count_slow_place(life, text);
  count_slow_place(life, "e\nits caller");
  CHECK(count_of("gzipSync (report.ts:19)") == 11);
  CHECK(count_of("b") == 2);
  CHECK(count_of("c") == 2);
  CHECK(count_of("d") == 0);
  CHECK(count_of("e") == 1);
  count_slow_place(life, std::string(100, 'x'));
  CHECK(count_of(std::string(kPlaceBytes - 1, 'x')) == 1);
}

}  // namespace test_of_where
