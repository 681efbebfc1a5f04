// What a scrape gives out, over a real region. Prometheus' own parser reads it elsewhere (test/behaviour).
#include "guard/metrics.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "../real.hpp"
#include "random.hpp"

namespace test_of_guard_metrics {

using namespace shm_liveness;
using namespace shm_liveness::real;
using namespace shm_liveness::guard;

namespace {

std::string seconds_said(std::uint64_t ns) {
  char buffer[64];
  Text out(buffer);
  guard::detail::say_seconds(out, ns);
  return std::string(out.view());
}

// A guard's watch of these places.
struct Watching {
  explicit Watching(std::initializer_list<Place> places) {
    for (const Place& place : places) watched.places[watched.region_count++] = place;
    watch = std::make_unique<Watch>(watched, 20 * kMs, sys::effective_user(), false, "", *room);
  }
  ~Watching() {
    // The watch lives as long as its program and closes nothing; its descriptors must not outlive the test's region.
    for (Region region : watch->seen().regions) close_region(region);
  }

  program::Watched watched;
  std::unique_ptr<WatchRoom> room = std::make_unique<WatchRoom>();
  std::unique_ptr<Watch> watch;
};

struct Scrape {
  std::string text;
  std::size_t longest = 0;
  bool overflowed = false;
};
Scrape scrape(Watch& watch, const Counts& counts = {}) {
  Scrape scrape;
  MetricsCursor cursor;
  while (!cursor.is_at_end()) {
    // Twice the room, so that a piece beyond its bound is seen and not cut.
    static char buffer[2 * MetricsCursor::kMostBytes];
    Text piece(buffer);
    cursor.next(watch, counts, piece);
    scrape.longest = std::max(scrape.longest, piece.size());
    scrape.overflowed = scrape.overflowed || piece.overflowed();
    scrape.text += piece.view();
  }
  return scrape;
}
std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}
bool has_line(const std::string& text, const std::string& line) {
  const std::vector<std::string> lines = lines_of(text);
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace

TEST_CASE("nanoseconds are said as seconds, exactly and without zeros at the end") {
  CHECK(seconds_said(0) == "0");
  CHECK(seconds_said(1) == "0.000000001");
  CHECK(seconds_said(1'000'000'000) == "1");
  CHECK(seconds_said(1'500'000'000) == "1.5");
  CHECK(seconds_said(1'000'000'001) == "1.000000001");
  CHECK(seconds_said(100'000'000) == "0.1");
  CHECK(seconds_said(68'719'476'736) == "68.719476736");
  CHECK(seconds_said(~std::uint64_t(0)) == "18446744073.709551615");
  Random random;
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t ns = random.below(std::uint64_t(1) << random.between(1, 63));
    const std::string said = seconds_said(ns);
    const std::size_t dot = said.find('.');
    std::string digits = said.substr(0, dot);
    std::string rest = dot == std::string::npos ? "" : said.substr(dot + 1);
    CHECK((rest.empty() || rest.back() != '0'));
    rest.resize(9, '0');
    CHECK(std::stoull(digits + rest) == ns);
  }
}

TEST_CASE("each family is said once, with its help and its type before its samples") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  heartbeat.beat();
  Watching watching({region.place()});
  std::set<std::string> families;
  std::string family;
  std::string help;
  for (const std::string& line : lines_of(scrape(*watching.watch).text)) {
    CAPTURE(line);
    std::istringstream words(line);
    std::string first, second, third;
    words >> first >> second >> third;
    if (first == "#" && second == "HELP") {
      CHECK(families.insert(third).second);
      help = third;
    } else if (first == "#") {
      CHECK(second == "TYPE");
      CHECK(third == help);
      family = third;
    } else {
      CHECK(first.starts_with(family));
    }
  }
  CHECK(families.size() == static_cast<std::size_t>(guard::detail::Family::count));
}

TEST_CASE("a worker's samples are what its slot holds") {
  const UniqueRegion region;
  ClaimOptions options = options_for(region, "grabber");
  options.max_age_ns = 1500 * kMs;
  options.cycle_limit_ns = 1;
  auto [heartbeat, failure] = Heartbeat::claim(options);
  REQUIRE_FALSE(failure);
  for (int i = 0; i < 5; ++i) heartbeat.beat();
  heartbeat.ready();
  Watching watching({region.place()});
  const std::string labels = "{region=\"" + std::string(region.place().region) + "\",worker=\"grabber\"";
  Counts counts;
  counts.restarts = 3;
  counts.reactions = 4;
  counts.requests = 5;
  const std::string text = scrape(*watching.watch, counts).text;
  CAPTURE(text);
  CHECK(has_line(text, "shm_liveness_healthy{check=\"liveness\"} 1"));
  CHECK(has_line(text, "shm_liveness_worker_condition" + labels + ",condition=\"running\"} 1"));
  CHECK(has_line(text, "shm_liveness_worker_condition" + labels + ",condition=\"stalled\"} 0"));
  CHECK(has_line(text, "shm_liveness_worker_ready" + labels + "} 1"));
  CHECK(has_line(text, "shm_liveness_worker_limit_seconds" + labels + "} 1.5"));
  CHECK(has_line(text, "shm_liveness_worker_beats_total" + labels + "} 5"));
  CHECK(has_line(text, "shm_liveness_worker_late_cycles_total" + labels + "} 4"));
  CHECK(has_line(text, "shm_liveness_worker_claims_total" + labels + "} 1"));
  CHECK(has_line(text, "shm_liveness_worker_cycle_seconds_bucket" + labels + ",le=\"+Inf\"} 4"));
  CHECK(has_line(text, "shm_liveness_worker_cycle_seconds_count" + labels + "} 4"));
  CHECK(has_line(text, "shm_liveness_guard_checks_total 1"));
  CHECK(has_line(text, "shm_liveness_guard_restarts_total 3"));
  CHECK(has_line(text, "shm_liveness_guard_reactions_total 4"));
  CHECK(has_line(text, "shm_liveness_guard_http_requests_total 5"));
}

TEST_CASE("a cycle is counted in each bucket that it fits, and only in those") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  {
    const Scribbled scribbled(region);
    // cycles[i] counts cycles of [2^i, 2^(i+1)) ns.
    scribbled.life(0).cycles[0].store_relaxed(1);
    scribbled.life(0).cycles[9].store_relaxed(10);
    scribbled.life(0).cycles[20].store_relaxed(100);
    scribbled.life(0).cycles[35].store_relaxed(1000);
    scribbled.life(0).cycles[63].store_relaxed(10'000);
  }
  Watching watching({region.place()});
  std::vector<double> bounds;
  std::vector<std::uint64_t> counts;
  std::string count;
  for (const std::string& line : lines_of(scrape(*watching.watch).text)) {
    if (line.starts_with("shm_liveness_worker_cycle_seconds_count")) count = line.substr(line.find("} ") + 2);
    if (!line.starts_with("shm_liveness_worker_cycle_seconds_bucket")) continue;
    const std::size_t le = line.find("le=\"") + 4;
    const std::string bound = line.substr(le, line.find('"', le) - le);
    bounds.push_back(bound == "+Inf" ? 1e300 : std::stod(bound));
    counts.push_back(std::stoull(line.substr(line.find("} ") + 2)));
  }
  REQUIRE(bounds.size() == 28);
  CHECK(std::is_sorted(bounds.begin(), bounds.end(), std::less_equal<>()));
  CHECK(std::is_sorted(counts.begin(), counts.end()));
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    CAPTURE(bounds[i]);
    const double ns = bounds[i] * 1e9;
    std::uint64_t expected = 1;
    if (ns >= 1024) expected += 10;
    if (ns >= 2097152) expected += 100;
    if (ns >= 68719476736) expected += 1000;
    if (bounds[i] == 1e300) expected += 10'000;
    CHECK(counts[i] == expected);
  }
  CHECK(count == "11111");
}

TEST_CASE("a free slot has no samples, and a dead worker has") {
  const UniqueRegion region;
  leave_dead(options_for(region, "b"));
  Watching watching({region.place()});
  const std::string text = scrape(*watching.watch).text;
  CHECK(text.find("worker=\"b\",condition=\"dead\"} 1") != std::string::npos);
  CHECK(text.find("worker=\"\"") == std::string::npos);
  CHECK(text.find("shm_liveness_healthy{check=\"liveness\"} 0") != std::string::npos);
}

TEST_CASE("a scrape without a region, or without a worker, still says what the guard counts") {
  const UniqueRegion region;
  Watching watching({region.place()});
  const std::string text = scrape(*watching.watch).text;
  CHECK(has_line(text, "shm_liveness_healthy{check=\"startup\"} 0"));
  CHECK(has_line(text, "shm_liveness_guard_checks_total 1"));
  CHECK(text.find("worker=") == std::string::npos);
  CHECK(text.ends_with('\n'));
}

TEST_CASE("no piece is longer than its bound, with the longest names and the largest figures that a region can hold") {
  const std::string long_name(63, 'r');
  const std::string directory = "/dev/shm";
  const std::string tag = std::to_string(getpid());
  const std::string region_name = long_name.substr(tag.size() + 1) + "-" + tag;
  REQUIRE(region_name.size() == 63);
  const Place unique{directory, region_name, false};
  const auto remove = [&] { ::unlink((directory + "/" + region_name).c_str()); };
  remove();
  {
    ClaimOptions options;
    options.place = unique;
    options.creation.slots = 4;
    options.max_age_ns = kHour;
    const std::string first(63, 'w');
    const std::string second(63, 'x');
    options.name = first;
    auto a = Heartbeat::claim(options);
    options.name = second;
    auto b = Heartbeat::claim(options);
    REQUIRE_FALSE(a.failure);
    REQUIRE_FALSE(b.failure);
    Region region;
    region.fd = open_existing((directory + "/" + region_name).c_str(), Access::write);
    REQUIRE_FALSE(map_region(unique, Access::write, sys::effective_user(), region));
    for (std::uint32_t slot = 0; slot < 2; ++slot) {
      const std::uint32_t bank = current_of(region.slot(slot)).bank;
      Hot& hot = region.slot(slot).banks[bank].hot;
      Word64* const cycles = region.record(slot).lives[bank].cycles;
      hot.beats.store_relaxed(~std::uint64_t(0));
      hot.worst_cycle_ns.store_relaxed(~std::uint64_t(0));
      hot.late_cycles.store_relaxed(~std::uint64_t(0));
      hot.stall_limit_ns.store_relaxed(~std::uint64_t(0));
      hot.serial.store_relaxed(~std::uint32_t(0));
      region.record(slot).mark.restarts.store_relaxed(~std::uint32_t(0));
      // The first histogram bin with all bits: each further count wraps to the longest figures in turn.
      cycles[0].store_relaxed(std::uint64_t(1) << 63);
      for (std::size_t bin = 1; bin < kCycleBins; ++bin) cycles[bin].store_relaxed(1);
    }
    close_region(region);
    Watching watching({unique});
    Counts counts;
    counts.restarts = counts.reactions = counts.requests = ~std::uint64_t(0);
    const Scrape all = scrape(*watching.watch, counts);
    CHECK_FALSE(all.overflowed);
    CHECK(all.longest <= MetricsCursor::kMostBytes);
    // Close enough to the bound for the bound to be of use.
    CHECK(all.longest > MetricsCursor::kMostBytes * 3 / 4);
    CHECK(all.text.find("worker=\"" + second + "\"") != std::string::npos);
  }
  remove();
}

TEST_CASE("a name that a foreign writer damaged breaks no label") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  {
    const Scribbled scribbled(region);
    scribbled.bank(0).identity.name.store("a\"} 1\nx\\\xff{");
  }
  Watching watching({region.place()});
  const std::string text = scrape(*watching.watch).text;
  CHECK(text.find("worker=\"a???1?x???\"") != std::string::npos);
  CHECK(text.find('\xff') == std::string::npos);
}

TEST_CASE("a worker that comes or goes between two pieces breaks no scrape") {
  const UniqueRegion region;
  std::map<int, Heartbeat> heartbeats;
  const auto claim = [&](int n) {
    const std::string name = "w" + std::to_string(n);
    auto claimed = Heartbeat::claim(options_for(region, name));
    REQUIRE_FALSE(claimed.failure);
    heartbeats[n] = std::move(claimed.heartbeat);
  };
  claim(0);
  claim(1);
  Watching watching({region.place()});
  MetricsCursor cursor;
  std::string text;
  for (int piece = 0; !cursor.is_at_end(); ++piece) {
    REQUIRE(piece < 1000);
    if (piece == 5) claim(2);
    // Replaced by a smaller one: fewer workers than before.
    if (piece == 9) {
      heartbeats.clear();
      ::unlink(region.path().c_str());
      claim(3);
    }
    watching.watch->tick();
    static char buffer[MetricsCursor::kMostBytes];
    Text out(buffer);
    cursor.next(*watching.watch, {}, out);
    CHECK_FALSE(out.overflowed());
    text += out.view();
  }
  std::set<std::string> helps;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with("# HELP")) CHECK_MESSAGE(helps.insert(line).second, line);
  }
  CHECK(helps.size() == static_cast<std::size_t>(guard::detail::Family::count));
}

}  // namespace test_of_guard_metrics
