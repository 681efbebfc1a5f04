// /metrics in Prometheus' text format 0.0.4: a family after the other, each with a line per worker. Given out in
// pieces, so that thousands of workers need no large buffer.
#pragma once

#include "../../native/shm_liveness/frames.hpp"
#include "watch.hpp"

namespace shm_liveness::guard {

// What the guard counts of itself.
struct Counts {
  std::uint64_t restarts = 0;
  std::uint64_t reactions = 0;
  std::uint64_t requests = 0;
  bool is_told_by_kernel = false;
};

namespace detail {

// (name, type, help)
// clang-format off
#define SHM_LIVENESS_FAMILIES(family)                                                                                 \
  family("healthy", "gauge", "Whether the check passes.")                                                             \
  family("worker_condition", "gauge", "1 for the condition that the worker is in.")                                   \
  family("worker_ready", "gauge", "Whether the worker called ready().")                                               \
  family("worker_age_seconds", "gauge", "Time since the worker's last sign of life.")                                 \
  family("worker_limit_seconds", "gauge", "How old it may become: max age, or the phase's budget.")                   \
  family("worker_beats_total", "counter", "Beats of this incarnation.")                                               \
  family("worker_worst_cycle_seconds", "gauge", "Longest cycle of this incarnation.")                                 \
  family("worker_late_cycles_total", "counter", "Cycles beyond the cycle limit.")                                     \
  family("worker_claims_total", "counter", "How often the worker's slot was claimed.")                                \
  family("worker_restarts_total", "counter", "Times a supervisor marked the worker's restart in place.")              \
  family("worker_where_info", "gauge", "1 for the place at which a stalled worker hangs.")                            \
  family("worker_slow_cycles", "gauge", "Cycles beyond the cycle limit that were found at the place.")                \
  family("worker_cycle_seconds", "histogram", "Times from beat to beat, outside phases.")                             \
  family("guard_checks_total", "counter", "Looks at the regions.")                                                    \
  family("guard_restarts_total", "counter", "Times the command was started again in place.")                          \
  family("guard_reactions_total", "counter", "Times a stalled or dead worker was reacted to.")                        \
  family("guard_lost_seconds_total", "counter", "Time in which the guard should have run, but did not.")              \
  family("guard_told_by_kernel", "gauge", "1: inotify tells of deaths. 0: they are seen at the next look.")            \
  family("guard_http_requests_total", "counter", "Requests answered.")
// clang-format on
enum class Family : std::uint8_t {
  healthy,
  condition,
  ready,
  age,
  limit,
  beats,
  worst_cycle,
  late_cycles,
  claims,
  worker_restarts,
  where,
  slow_places,
  cycles,
  checks,
  restarts,
  reactions,
  lost,
  told,
  requests,
  count
};
inline constexpr char kFamilyWords[] =
#define SHM_LIVENESS_FAMILY(name, type, help) name "\0" type "\0" help "\0"
    SHM_LIVENESS_FAMILIES(SHM_LIVENESS_FAMILY)
#undef SHM_LIVENESS_FAMILY
    ;

// Buckets of powers of two from 1 µs to 69 s: always the same ones, so that rates over restarts add up.
inline constexpr std::size_t kFirstBin = 9, kLastBin = 35;

inline void say_seconds(Text& out, std::uint64_t ns) {
  out << ns / 1'000'000'000;
  std::uint64_t rest = ns % 1'000'000'000;
  if (rest == 0) return;
  out << '.';
  for (std::uint64_t place = 100'000'000; rest != 0; place /= 10) {
    out << rest / place;
    rest %= place;
  }
}

}  // namespace detail

// Where a scrape is. Each call of next() appends one piece.
class MetricsCursor {
 public:
  // No piece is longer.
  static constexpr std::size_t kMostBytes = 7680;

  bool is_at_end() const { return family_ == static_cast<std::size_t>(detail::Family::count); }

  void next(Watch& watch, const Counts& counts, Text& out) {
    using detail::Family;
    const Family family = static_cast<Family>(family_);
    if (region_ == 0 && slot_ == 0) say_heading(out);
    const bool of_workers = family >= Family::condition && family <= Family::cycles;
    if (!of_workers) {
      say_own(watch, counts, family, out);
    } else if (has_slot(watch)) {
      WorkerFacts worker;
      if (watch.read_worker(region_, slot_, worker)) say_worker(watch, worker, watch.condition_of(worker), family, out);
      ++slot_;
      if (has_slot(watch)) return;
    }
    region_ = slot_ = 0;
    ++family_;
  }

 private:
  // Goes on to the next region that has a slot left.
  bool has_slot(const Watch& watch) {
    for (; region_ < watch.seen().region_count; ++region_, slot_ = 0) {
      if (slot_ < watch.used_slots(region_)) return true;
    }
    return false;
  }

  const char* word(std::size_t which) const { return nth_word(detail::kFamilyWords, 3 * family_ + which); }

  void say_heading(Text& out) const {
    out << "# HELP shm_liveness_" << word(0) << ' ' << word(2) << "\n# TYPE shm_liveness_" << word(0) << ' ' << word(1)
        << '\n';
  }
  // Without the end of the labels, so that others may follow.
  void open_sample(Text& out, const Watch& watch, const WorkerFacts& worker, const char* suffix) const {
    out << "shm_liveness_" << word(0) << suffix << "{region=\"";
    out << watch.seen().facts[worker.region].name << "\",worker=\"";
    // Names of workers are checked when they claim; what a foreign writer put there is not.
    for (const char c : worker.name_view()) out << (c >= '-' && c <= 'z' && c != '\\' ? c : '?');
    out << '"';
  }

  void say_own(Watch& watch, const Counts& counts, detail::Family family, Text& out) const {
    using detail::Family;
    if (family == Family::healthy) {
      for (const Check check : {Check::startup, Check::liveness, Check::readiness}) {
        out << "shm_liveness_healthy{check=\"" << name_of(check) << "\"} "
            << (watch.judged(check).verdict.passes ? 1 : 0) << '\n';
      }
      return;
    }
    out << "shm_liveness_" << word(0) << ' ';
    switch (family) {
      case Family::checks:
        out << watch.ticks();
        break;
      case Family::restarts:
        out << counts.restarts;
        break;
      case Family::reactions:
        out << counts.reactions;
        break;
      case Family::lost:
        detail::say_seconds(out, watch.lost_ns());
        break;
      case Family::told:
        out << (counts.is_told_by_kernel ? 1 : 0);
        break;
      default:
        out << counts.requests;
        break;
    }
    out << '\n';
  }

  void say_worker(Watch& watch, const WorkerFacts& worker, Condition condition, detail::Family family,
                  Text& out) const {
    using detail::Family;
    if (family == Family::condition) {
      for (std::size_t c = 1; c <= static_cast<std::size_t>(Condition::unusable); ++c) {
        open_sample(out, watch, worker, "");
        out << ",condition=\"" << name_of(static_cast<Condition>(c)) << "\"} "
            << (c == static_cast<std::size_t>(condition) ? 1 : 0) << '\n';
      }
      return;
    }
    if (family == Family::cycles) return say_cycles(watch, worker, out);
    if (family == Family::where) return say_where(watch, worker, condition, out);
    if (family == Family::slow_places) return say_slow_places(watch, worker, out);
    open_sample(out, watch, worker, "");
    out << "} ";
    switch (family) {
      case Family::ready:
        out << (worker.ready ? 1 : 0);
        break;
      case Family::age:
        detail::say_seconds(out, worker.age_ns());
        break;
      case Family::limit:
        detail::say_seconds(out, limit_of(worker, watch.policy_of(Check::liveness)));
        break;
      case Family::beats:
        out << worker.beats;
        break;
      case Family::worst_cycle:
        detail::say_seconds(out, worker.worst_cycle_ns);
        break;
      case Family::late_cycles:
        out << worker.late_cycles;
        break;
      case Family::worker_restarts:
        out << watch.seen().regions[worker.region].record(worker.slot).mark.restarts.load_relaxed();
        break;
      default:
        out << worker.claims;
        break;
    }
    out << '\n';
  }

  // A place of the region, so any bytes, as a label's value.
  void say_place_label(Text& out, std::string_view place) const {
    char buffer[kPlaceBytes * 2];
    Text clean(buffer);
    clean.printable(place);
    clean.cut(sizeof buffer - 1);
    out << ",place=\"";
    for (const char c : clean.view()) {
      if (c == '"' || c == '\\') out << '\\';
      out << c;
    }
    out << "\"} ";
  }
  // One place for each worker, without what differs from one hang to the next: numbers of descriptors, lines of code
  // that lie further out.
  void say_where(Watch& watch, const WorkerFacts& worker, Condition condition, Text& out) const {
    WhereFacts where;
    if (condition != Condition::stalled || !read_where_of(watch.seen().regions[worker.region], worker, where)) return;
    char buffer[kFramesBytes];
    Text place(buffer);
    say_innermost(place, where);
    open_sample(out, watch, worker, "");
    say_place_label(out, place.view());
    out << "1\n";
  }
  void say_slow_places(Watch& watch, const WorkerFacts& worker, Text& out) const {
    for (const SlowPlace& place :
         watch.seen().regions[worker.region].record(worker.slot).lives[worker.bank].slow_places) {
      SlowPlaceFacts facts;
      if (!read_slow_place(place, facts)) continue;
      open_sample(out, watch, worker, "");
      say_place_label(out, facts.text);
      out << facts.count << '\n';
    }
  }

  // cycles[i] counts cycles of [2^i, 2^(i+1)) ns. There is no sum: the beat does not keep one.
  void say_cycles(Watch& watch, const WorkerFacts& worker, Text& out) const {
    const Life& life = watch.seen().regions[worker.region].record(worker.slot).lives[worker.bank];
    std::uint64_t count = 0;
    for (std::size_t bin = 0; bin < kCycleBins; ++bin) {
      count += life.cycles[bin].load_relaxed();
      if (bin < detail::kFirstBin || bin > detail::kLastBin) continue;
      open_sample(out, watch, worker, "_bucket");
      out << ",le=\"";
      detail::say_seconds(out, std::uint64_t(2) << bin);
      out << "\"} " << count << '\n';
    }
    open_sample(out, watch, worker, "_bucket");
    out << ",le=\"+Inf\"} " << count << '\n';
    open_sample(out, watch, worker, "_count");
    out << "} " << count << '\n';
  }

  std::size_t family_ = 0;
  std::uint32_t region_ = 0;
  std::uint32_t slot_ = 0;
};

}  // namespace shm_liveness::guard
