#include <doctest/doctest.h>

#include <shm_liveness/sentence.hpp>
#include <string>
#include <vector>

#include "facts.hpp"

namespace test_of_sentence {

using namespace shm_liveness;
using namespace shm_liveness::made_up;

namespace {

std::string said(const std::vector<WorkerFacts>& workers, const Policy& policy = {}, const Diagnosis& diagnosis = {},
                 const std::vector<RegionFacts>& regions = {region()}, const Surroundings& around = here()) {
  const Verdict verdict = judge(regions, workers, around, policy);
  char buffer[1024];
  Text line(buffer);
  say_verdict(line, verdict, regions, workers, policy, diagnosis);
  return std::string(line.view());
}

Diagnosis in_disk_sleep() {
  Diagnosis diagnosis;
  diagnosis.pid = 17;
  diagnosis.state = 'D';
  diagnosis.throttled_percent = 92;
  return diagnosis;
}

WorkerFacts calibrating() {
  WorkerFacts worker = in_phase(stalled(), 3214 * kMs, 250 * kMs);
  worker.last_beat_ns = kNow - 3214 * kMs;
  return worker;
}

}  // namespace

TEST_CASE("healthy says nothing but its name") { CHECK(said({ready()}) == "healthy"); }

TEST_CASE("the design's example is said word for word") {
  CHECK(said({calibrating()}, {}, in_disk_sleep()) ==
        "stalled: grabber last beat 3.214s ago (limit 250ms) in phase \"calibrate\", pid 17 D (disk sleep), "
        "cpu throttled 92%");
}

TEST_CASE("a stall names beat and limit, before the first beat the grace") {
  CHECK(said({stalled()}) == "stalled: grabber last beat 3.214s ago (limit 250ms)");
  CHECK(said({claimed(61 * kSecond)}) == "stalled: grabber no beat since its claim 61s ago (startup grace 60s)");
  CHECK(said({in_phase(claimed(61 * kSecond), 3 * kSecond, 2 * kSecond)}) ==
        "stalled: grabber no beat since its claim 61s ago (limit 2s) in phase \"calibrate\"");
}

TEST_CASE("a stall names the place, in front of what is known of the task") {
  Diagnosis diagnosis = in_disk_sleep();
  diagnosis.throttled_percent = -1;
  const auto at = [&](WhereKind kind, const std::string& frames) {
    diagnosis.where.kind = kind;
    Text(diagnosis.where.frames) << frames << '\0';
    return said({stalled(), stalled("b")}, {}, diagnosis).substr(sizeof "stalled: grabber last beat 3.214s ago" - 1);
  };
  CHECK(at(WhereKind::frames, "decode (/app/src/frames.ts:88:12)\nonImage (file:///app/camera.ts:41:5)") ==
        " (limit 250ms) at decode (frames.ts:88:12) < onImage (camera.ts:41:5) (+1 more), pid 17 D (disk sleep)");
  CHECK(at(WhereKind::native, "read of fd 22 -> /data/fifo (pipe_read)") ==
        " (limit 250ms), read of fd 22 -> /data/fifo (pipe_read) (+1 more), pid 17 D (disk sleep)");
  CHECK(at(WhereKind::native_then_frames, "read of fd 22 -> /data/fifo (pipe_read)\nload (/app/config.ts:4:9)") ==
        " (limit 250ms), read of fd 22 -> /data/fifo (pipe_read) < load (config.ts:4:9) (+1 more), "
        "pid 17 D (disk sleep)");
  CHECK(at(WhereKind::promise_loop, "poll (/app/a.ts:1:2)") ==
        " (limit 250ms) in a promise loop at poll (a.ts:1:2) (+1 more), pid 17 D (disk sleep)");
  CHECK(at(WhereKind::promise_loop, "") == " (limit 250ms) in a promise loop (+1 more), pid 17 D (disk sleep)");
  // Too long a frame is cut, and takes neither the others' room nor the task from the line.
  CHECK(at(WhereKind::frames, std::string(500, 'f')).ends_with("f (+1 more), pid 17 D (disk sleep)"));
  std::string many;
  for (int i = 0; i < 20; ++i) many += "frame" + std::to_string(i) + " (/app/a.ts:1:2)\n";
  CHECK(at(WhereKind::frames, many).ends_with("(a.ts:1:2) (+1 more), pid 17 D (disk sleep)"));
}

TEST_CASE("death is said with the last beat and the pid") {
  CHECK(said({dead()}) == "dead: grabber died without stop(), last beat 10ms ago, pid 17");
  CHECK(said({dead("a"), stalled("b"), dead("c")}) ==
        "dead: a died without stop(), last beat 10ms ago, pid 17 (+2 more)");
}

TEST_CASE("readiness says why not") {
  CHECK(said({beating()}, {.check = Check::readiness}) == "not-ready: grabber has not said ready");
  WorkerFacts draining = beating();
  __builtin_memcpy(draining.status, "draining", 9);
  CHECK(said({draining}, {.check = Check::readiness}) == "not-ready: grabber has not said ready (draining)");
  WorkerFacts late = ready();
  late.late_cycles = 3;
  late.late_at_ns = kNow - kSecond;
  late.cycle_limit_ns = 20 * kMs;
  late.worst_cycle_ns = 45 * kMs;
  CHECK(said({late}, {.check = Check::readiness, .cycle_window_ns = 2 * kSecond}) ==
        "late: grabber last exceeded its cycle limit 1s ago (limit 20ms), 3 times, worst cycle 45ms");
}

TEST_CASE("who is not there is named") {
  CHECK(said({}, {}, {}, {region(Fault::missing)}) == "missing: no region camera");
  CHECK(said({}) == "missing: no worker in region camera");
  CHECK(said({left_over("a"), left_over("b")}) == "missing: no worker in region camera (2 left over from before)");
  CHECK(said({ready()}, {.expect = "encoder"}) == "missing: encoder has no slot, but is expected");
  CHECK(said({ready()}, {.min = 2}) == "missing: 1 of at least 2 workers running");
  CHECK(said({stopped("a"), ready("b")}, {.expect = "a"}) == "stopped: a stopped on purpose, but is expected");
  CHECK(said({stopped()}) == "stopped: every worker of region camera stopped on purpose");
}

TEST_CASE("starting is said too, for who asks") {
  CHECK(said({claimed(kSecond)}) == "starting: grabber no beat since its claim 1s ago");
  CHECK(said({}, {}, {}, {region()}, here(kSecond)) ==
        "starting: not all workers are there yet, within the startup grace");
}

TEST_CASE("an unusable region or clock is said with its code") {
  CHECK(said({}, {}, {}, {region(Fault::magic)}) ==
        "unusable: region camera is not a region: foreign first bytes [REGION_MAGIC]");
  RegionFacts open_files = region(Fault::system);
  open_files.failure.error = 24;
  CHECK(said({}, {}, {}, {open_files}) ==
        "unusable: region camera unexpected answer from the kernel [SYSTEM], errno 24");
  WorkerFacts ahead = ready();
  ahead.last_beat_ns = kNow + kSecond;
  CHECK(said({ahead}) == "unusable: grabber: last beat is in the future [CLOCK_FUTURE]");
}

TEST_CASE("each fault of a region fits the line, code and all") {
  RegionFacts facts = region();
  const std::string longest(kNameBytes - 1, 'r');
  facts.name = longest;
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    const Fault fault = static_cast<Fault>(i);
    if (fault == Fault::none || fault == Fault::missing) continue;
    facts.failure.fault = fault;
    const std::string line = said({}, {}, {}, {facts});
    CAPTURE(line);
    CHECK(line.size() < 200);
    CHECK(line.find(code_of(fault)) != std::string::npos);
  }
}

TEST_CASE("a line is under 200 bytes, one line and whole UTF-8, whatever is in the region") {
  std::vector<WorkerFacts> worst = {calibrating(), dead(), claimed(99 * kSecond), beating()};
  for (WorkerFacts& worker : worst) {
    worker.in_phase = true;
    for (std::size_t i = 0; i + 1 < kNameBytes; ++i) worker.name[i] = 'n';
    for (std::size_t i = 0; i + 1 < kNameBytes; i += 3) __builtin_memcpy(worker.phase + i, "\xe2\x82\xac", 3);
    worker.phase[0] = '\n';
    for (std::size_t i = 0; i + 1 < kStatusBytes; ++i) worker.status[i] = '\n';
    worker.last_beat_ns = worker.beats == 0 ? 0 : 1;
    worker.renewed_ns = worker.claimed_ns = 1;
    worker.pid = ~std::uint32_t(0);
    worker.stall_limit_ns = kNow - 2;
    for (const Check check : {Check::liveness, Check::readiness}) {
      for (std::size_t more = 0; more < 3; ++more) {  // another length, another place for the cut
        worker.name[kNameBytes - 2 - more] = '\0';
        const std::string line = said({worker, worker, worker}, {.check = check}, in_disk_sleep());
        CAPTURE(line);
        CHECK(line.size() < 200);
        CHECK(line.find('\n') == std::string::npos);
        char clean[256];
        Text again(clean);
        again.printable(line);
        CHECK(std::string(again.view()) == line);
      }
    }
  }
}

TEST_CASE("each state of a process has its word") {
  CHECK(std::string(state_word('S')) == "sleeping");
  CHECK(std::string(state_word('Z')) == "zombie");
  CHECK(std::string(state_word('t')) == "stopped by a debugger");
  CHECK(state_word('?') == nullptr);
}

}  // namespace test_of_sentence
