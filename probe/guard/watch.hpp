// Looks at the regions, judged by the probe's own rules. It remembers from look to look what a probe cannot, and so
// neither waits nor sleeps; when the next look is due it says itself.
//
// A few workers at a time are read and judged, so that of a thousand only their ages stay in memory. Who asks more of
// them later (another check, a scrape) makes them be read again.
//
// Why no call blocks: F_OFD_GETLK asks and does not wait. Regions: see regions.hpp; /proc: see tree.hpp and
// kernel_place.hpp.
#pragma once

#include "aging.hpp"
#include "judged.hpp"
#include "regions.hpp"
#include "schedule.hpp"
#include "tree.hpp"
#include "whereabouts.hpp"

namespace shm_liveness::guard {

// The room for what is seen: large, and resident only as far as there are workers.
struct WatchRoom {
  WorkerFacts portion[16];
  Age ages[kMaxRegions * kMaxSlots];
};

class Watch {
 public:
  // `guards`: for a command of its own, and so for no other container's workers, except `watcher` (may be empty).
  Watch(const program::Watched& watched, std::uint64_t interval_ns, std::uint32_t user, bool guards,
        std::string_view watcher, WatchRoom& room)
      : watched_(watched),
        watcher_(watcher),
        interval_ns_(interval_ns),
        user_(user),
        guards_(guards),
        time_(interval_ns),
        ages_(room.ages),
        regions_(watched, user, guards, room.portion) {
    Surroundings& around = regions_.seen().around;
    around.known = true;
    around.context = read_context();
    // Without /proc a probe knows no beginning; the guard was there.
    if (!around.context.container_start_known) {
      around.context.container_start_known = true;
      around.context.container_start_ns = boottime_ns();
    }
    container_start_ns_ = around.context.container_start_ns;
    tick();
  }

  // Looks, and judges liveness. One reading of the clock, before the first beat is read: a beat that comes meanwhile
  // makes its worker younger, never older.
  const Judged& tick() {
    ++ticks_;
    is_long_look_ = is_long_look_due_ || time_.running_ns() - long_look_ns_ >= kBetweenLongLooksNs;
    is_long_look_due_ = false;
    const bool all_well = judged_ != 0 && judgements_[0].verdict.kind == Kind::healthy;
    regions_.keep_open(is_long_look_ || !all_well);
    const std::uint64_t now = monotonic_ns();
    time_.advance(now);
    time_.look();
    if (is_long_look_) {
      long_look_ns_ = time_.running_ns();
      boottime_ahead_ns_ = boottime_ns() - now;
    }
    next_look_ns_ = now + kLongestSleepNs;
    Observation& seen = regions_.seen();
    seen.around.now_boottime_ns = now + boottime_ahead_ns_;
    seen.around.context.container_start_ns = container_start_ns_ + time_.lost_ns();
    for (RegionFacts& facts : std::span(seen.facts).first(seen.region_count)) forget_what_was(facts);
    judged_ = 0;
    places_left_ = kPlacesInALook;
    return judged(Check::liveness);
  }

  // Lets the guard's clock catch up with what passed since the last look. Call it before a deadline is set between
  // looks.
  void catch_up() { time_.advance(monotonic_ns()); }
  // Looks again if the last look is older than an interval. For answers while the guard sleeps.
  void refresh() {
    const std::uint64_t looked = time_.looked_ns();
    catch_up();
    if (time_.running_ns() - looked > interval_ns_) tick();
  }
  // Another file may have the region's name now.
  void doubt_names() { is_long_look_due_ = true; }

  // When the next look is due at the latest, CLOCK_MONOTONIC, if nobody tells of a death before: before then no worker
  // that was seen can stall. Only while may_sleep().
  std::uint64_t next_look_ns() const { return next_look_ns_; }
  // Whether nothing but a stall, a death or a newcomer can change the word on liveness.
  bool may_sleep() {
    const Verdict& now = judged(Check::liveness).verdict;
    const bool nobody_is_awaited = watched_.policy.expect.empty() && watched_.policy.min == 0;
    if (now.kind == Kind::healthy) return true;
    return nobody_is_awaited && now.tally.starting == 0 && (now.kind == Kind::starting || now.kind == Kind::missing);
  }
  void plan(std::uint64_t due_ns) { time_.plan(due_ns); }
  // CLOCK_MONOTONIC, of the latest look or catch_up().
  std::uint64_t clock_ns() const { return time_.last_ns(); }
  std::uint32_t openings(std::size_t region) const { return regions_.openings(region); }

  // Before the command is started: its workers have their grace from now on, however long ago the container was, and
  // what died before is left over.
  void begin_life() {
    began_ns_ = monotonic_ns();
    began_boottime_ns_ = boottime_ns();
    container_start_ns_ = began_boottime_ns_ - time_.lost_ns();
  }

  // As of the latest look; read and judged when it is first asked for.
  const Judged& judged(Check check) {
    const std::size_t c = static_cast<std::size_t>(check);
    if ((judged_ & 1u << c) == 0) {
      judge(seen().region_facts(), policy_of(check), judgements_[c], [](const WorkerFacts&) { return true; });
      judged_ |= 1u << c;
    }
    return judgements_[c];
  }
  // Liveness without what cannot be read: an unusable region or worker is the gravest verdict, but no reason to leave a
  // stalled or dead one beside it alone. Valid until the next call.
  const Judged& judged_usable() {
    const Judged& whole = judged(Check::liveness);
    if (whole.verdict.kind != Kind::unusable) return whole;
    RegionFacts facts[kMaxRegions];
    for (std::size_t r = 0; r < seen().region_count; ++r) {
      facts[r] = seen().facts[r];
      if (facts[r].failure) facts[r].failure = {Fault::missing, 0};
    }
    judge({facts, seen().region_count}, policy_of(Check::liveness), usable_,
          [&](const WorkerFacts& worker) { return condition_of(worker) != Condition::unusable; });
    return usable_;
  }

  // How much of one CPU the worker has used since its silence began to matter, in percent: 0 waits, 100 spins. -1: not
  // known.
  int cpu_percent(const WorkerFacts& worker) const {
    const Age& age = ages_[worker.region * kMaxSlots + worker.slot];
    const Scheduled now = read_scheduled(worker.pid, worker.tid, time_.last_ns());
    const std::uint64_t took = time_.running_ns() - age.silent_running_ns;
    if (age.silent_running_ns == 0 || took == 0 || !age.silent.is_known || !now.is_known) return -1;
    const std::uint64_t percent = (now.cpu_ns - age.silent.cpu_ns) * 100 / took;
    return percent < 100 ? static_cast<int>(percent) : 100;
  }

  Policy policy_of(Check check) const {
    Policy policy = watched_.policy;
    policy.check = check;
    return policy;
  }

  const Observation& seen() const { return regions_.seen(); }
  // Whether the claim in that slot is of the command's process tree.
  bool is_own_claim(std::size_t region, std::uint32_t slot, std::uint64_t incarnation) const {
    const Age& age = ages_[region * kMaxSlots + slot];
    return age.incarnation == incarnation && age.is_ours;
  }
  // Whether it speaks for the command: its own place is not where the command hangs.
  bool is_watcher(const WorkerFacts& worker) const { return !watcher_.empty() && worker.name_view() == watcher_; }
  // Slots at and behind this index were never claimed.
  std::uint32_t used_slots(std::size_t region) const {
    return seen().facts[region].failure ? 0 : seen().regions[region].used_slots();
  }
  // Reads one worker again, with the lock as the latest look found it. False: that look saw none there, or another one.
  bool read_worker(std::uint32_t region, std::uint32_t slot, WorkerFacts& worker) const {
    const Age& age = ages_[region * kMaxSlots + slot];
    read_slot(seen().regions[region], slot, worker);
    if (worker.state == State::free || worker.incarnation != age.incarnation || age.is_strange) return false;
    worker.region = region;
    worker.observed_ns = time_.last_ns();
    worker.lock = age.lock;
    if (worker.lock == Lock::gone) read_mark(seen().regions[region], worker);
    Age copy = age;
    age_in_running_time(worker, copy, time_);
    return !age.is_watcher || is_heard(worker);
  }
  Condition condition_of(const WorkerFacts& worker) const {
    return judge_worker(worker, seen().facts[worker.region], seen().around, watched_.policy).condition;
  }
  // The guard's clock for all its own deadlines: what a pause took does not bring them nearer.
  std::uint64_t running_ns() const { return time_.running_ns(); }
  std::uint64_t lost_ns() const { return time_.lost_ns(); }
  std::uint64_t ticks() const { return ticks_; }
  // About once a second: the time for what need not be asked at every look.
  bool is_long_look() const { return is_long_look_; }

 private:
  // Reads all workers by the clock of the latest look, and judges those that `counts` is true for.
  template <class Counts>
  void judge(std::span<const RegionFacts> regions, const Policy& policy, Judged& judged, Counts&& counts) {
    Observation& seen = regions_.seen();
    Judging judging(regions, seen.around, policy);
    shm_liveness::detail::Reader reader(seen, time_.last_ns());
    while (const std::size_t count = reader.read(seen.room)) {
      for (WorkerFacts& worker : seen.room.first(count)) {
        if (worker.incarnation != 0) remember(worker, time_.last_ns());
        if (counts(worker)) judging.add(worker);
      }
    }
    judging.conclude(judged);
    if (!watcher_.empty() && policy.check == Check::liveness) excuse_absence(judged.verdict, policy);
  }

  // A watcher that is not heard is as if it were not there, and its absence says nothing of the command.
  static void excuse_absence(Verdict& verdict, const Policy& policy) {
    const bool is_absence = verdict.kind == Kind::missing || verdict.kind == Kind::stopped;
    if (!is_absence || !policy.expect.empty()) return;
    verdict.kind = Kind::healthy;
    verdict.passes = true;
  }

  void remember(WorkerFacts& worker, std::uint64_t now) {
    Age& age = ages_[worker.region * kMaxSlots + worker.slot];
    const bool is_new = age.incarnation != worker.incarnation;
    if (is_new) {
      age.is_watcher = is_watcher(worker);
      age.is_strange = guards_ && !age.is_watcher && is_strange(worker);
      age.is_ours = !age.is_strange && !age.is_watcher && is_ours(worker);
    }
    age_in_running_time(worker, age, time_);
    age.lock = worker.lock;
    if (age.is_strange || (age.is_watcher && !is_heard(worker))) worker.state = State::free;
    if (worker.state != State::claimed || worker.lock != Lock::held) return;
    if (is_new || is_long_look_)
      age.usual_cycle_ns = usual_cycle_ns(seen().regions[worker.region].record(worker.slot).lives[worker.bank]);
    const std::uint64_t limit = limit_of(worker, watched_.policy);
    const std::uint64_t stretch = stretch_ns(limit, age.usual_cycle_ns, interval_ns_);
    // By the clock: under a quota the guard's own time goes as slowly as the worker's.
    const std::uint64_t silent = worker.observed_ns - worker.sign_of_life_ns();
    // What a watcher says is true however much CPU it had.
    const bool is_silent = worker.observed_ns > worker.sign_of_life_ns() && silent + stretch > limit;
    if (!age.is_watcher && is_silent && silent > limit / 2) {
      weigh(worker, age, limit, now);
      note_place(worker, age, silent > limit);
    }
    const std::uint64_t stalls = worker.sign_of_life_ns() + worker.excused_ns + limit;
    const std::uint64_t next = next_look_at(stalls, stretch, now, interval_ns_);
    if (next < next_look_ns_) next_look_ns_ = next;
    // A phase may end unseen, and then the worker's own max age counts.
    const std::uint64_t max_age = watched_.policy.max_age_ns != 0 ? watched_.policy.max_age_ns : worker.max_age_ns;
    if (now + max_age < next_look_ns_) next_look_ns_ = now + (max_age > interval_ns_ ? max_age : interval_ns_);
  }

  // What the scheduler has to say in favour of a worker that has been silent for long, or against it.
  void weigh(WorkerFacts& worker, Age& age, std::uint64_t limit, std::uint64_t now) {
    if (age.silent_running_ns == 0) {
      age.silent_running_ns = time_.running_ns();
      age.silent = read_scheduled(worker.pid, worker.tid, now);
    }
    if (worker.observed_ns - worker.sign_of_life_ns() <= limit || !age.silent.is_known) return;
    if (!is_that_task(worker.pid, worker.tid, worker.task_start_ticks)) return;
    const Scheduled scheduled = read_scheduled(worker.pid, worker.tid, now);
    if (had_enough_cpu(age.silent, scheduled, limit, age.usual_cycle_ns)) {
      worker.excused_ns = 0;
      return;
    }
    const std::uint64_t withheld = withheld_ns(age.silent, scheduled, is_runnable(worker.pid, worker.tid), limit);
    if (withheld > worker.excused_ns) worker.excused_ns = withheld;
  }

  // Asks where the worker is before its limit is over, so that it is known whoever strikes first, and once more beyond.
  void note_place(const WorkerFacts& worker, Age& age, bool is_beyond) {
    const std::uint8_t due = is_beyond ? 2 : 1;
    if (age.places >= due || places_left_ == 0) return;
    --places_left_;
    age.places = due;
    char buffer[kFramesBytes];
    Text text(buffer);
    const char state = say_kernel_places(text, {worker.pid, worker.tid, worker.task_start_ticks});
    if (text.size() == 0) return;
    const int percent = cpu_percent(worker);
    if (state == 'R' && percent >= 0) text << ", cpu " << percent << '%';
    record_place(seen().regions[worker.region], seen().places[worker.region], user_, worker, text.view(), stuck_,
                 age.placed_ns);
  }

  // The guard needs no mark to know when its command was started, and one may be refused.
  void forget_what_was(RegionFacts& facts) const { facts.began_boottime_ns = began_boottime_ns_; }

  // Claimed by the command's processes. One that cannot be found (it has ended, or counts its pids in another
  // namespace) is taken for ours if it was claimed in this container since the command began.
  bool is_ours(const WorkerFacts& worker) const {
    if (is_that_task(worker.pid, worker.tid, worker.task_start_ticks))
      return is_descendant(worker.pid, sys::process_id());
    return worker.claimed_boottime_ns >= began_boottime_ns_ &&
           !is_other_container(seen().around.context.container, worker.container);
  }

  // Alive in another container, and no descendant: a region that two containers share by mistake. Its stall is no
  // reason to end this command. (The dead of another container are left over for every reader.)
  bool is_strange(const WorkerFacts& worker) const {
    if (worker.lock != Lock::held || !is_other_container(seen().around.context.container, worker.container))
      return false;
    const bool is_below =
        is_that_task(worker.pid, worker.tid, worker.task_start_ticks) && is_descendant(worker.pid, sys::process_id());
    if (is_below) return false;
    Line line;
    (line << "not guarded: worker ").printable(worker.name_view()) << " of region ";
    line.printable(seen().facts[worker.region].name)
        << " is another container's; give each container a region of its own";
    return true;
  }

  // A watcher beats while the command is well, and says by a phase beyond its budget that it is not. Its own silence or
  // death says nothing of the command. Nor does a phase that began before this life of the command: it is about the one
  // before, and a watcher that hangs since would end each life anew.
  bool is_heard(const WorkerFacts& worker) const {
    if (worker.state != State::claimed || worker.lock != Lock::held || worker.beats == 0) return false;
    if (worker.age_ns() <= limit_of(worker, watched_.policy)) return true;
    return worker.in_phase && worker.sign_of_life_ns() >= began_ns_;
  }

  static constexpr std::uint64_t kBetweenLongLooksNs = 1'000'000'000;
  // A place takes 0.1 ms. After a pause of the whole machine a thousand workers are silent at once.
  static constexpr unsigned kPlacesInALook = 8;

  const program::Watched& watched_;
  std::string_view watcher_;
  std::uint64_t interval_ns_;
  std::uint32_t user_;
  bool guards_;
  unsigned places_left_ = 0;  // in this look
  StuckSequence stuck_;       // of the latest Where that another writer was at
  RunningTime time_;
  Age* ages_;
  WatchedRegions regions_;
  Judged judgements_[3];
  Judged usable_;
  unsigned judged_ = 0;
  std::uint64_t ticks_ = 0;
  std::uint64_t long_look_ns_ = 0;
  bool is_long_look_ = false;
  bool is_long_look_due_ = true;
  std::uint64_t next_look_ns_ = 0;
  std::uint64_t boottime_ahead_ns_ = 0;  // of CLOCK_MONOTONIC; grows while the machine is suspended
  std::uint64_t container_start_ns_ = 0;
  std::uint64_t began_ns_ = 0;           // the command's latest start, CLOCK_MONOTONIC as beats are; 0: none
  std::uint64_t began_boottime_ns_ = 0;  // the same by CLOCK_BOOTTIME, as claims are
};

}  // namespace shm_liveness::guard
