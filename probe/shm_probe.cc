// shm-probe: exec'd by the kubelet, reads the region, exits 0 or not. README.md has the flags and exit codes.
// A region that is cut short ends this program (on_sigbus): it needs no table of mappings, which would be a page of
// writable data.
#define SHM_LIVENESS_WITHOUT_WATCH
#include "../native/shm_liveness/glance.hpp"
#include "../native/shm_liveness/json.hpp"
#include "diagnose.hpp"
#include "install.hpp"
#include "options.hpp"
#include "self_test.hpp"
#include "start.hpp"
#include "termination_log.hpp"

namespace shm_liveness::program {
namespace {

// All that an unhealthy answer needs, mapped when one is due.
struct Workspace {
  Observation seen;
  char text[8192];
  WorkerFacts workers[kMaxRegions * kMaxSlots];  // touched only as far as there are workers
};

Workspace* new_workspace() {
  void* memory =
      sys::map(nullptr, sizeof(Workspace), sys::kProtRead | sys::kProtWrite, sys::kMapPrivate | sys::kMapAnonymous, -1);
  if (sys::failed(memory)) return nullptr;
  auto* workspace = static_cast<Workspace*>(memory);
  for (Region& region : workspace->seen.regions) region = Region{};
  workspace->seen.room = workspace->workers;
  return workspace;
}

Exit complain(std::string_view text, Exit status) {
  char buffer[1024];
  Text line(buffer);
  line << "shm-probe: " << text;
  line.cut(kLineBytes);
  line << '\n';
  write_all(2, line.view());
  return status;
}

// A region cut short while it is mapped here: a page of zeroes takes the place of the lost one, so that the faulting
// instruction can be repeated; second_look() notices and judges by the size of the file. Without state, because a page
// of writable data would cost every start a page fault.
void on_sigbus(int, void* info, void*) {
  constexpr std::uintptr_t kPage = 4096, kEndOfImage = 1u << 31;
  std::uintptr_t address;
  __builtin_memcpy(&address, static_cast<char*>(info) + 16, sizeof address);  // siginfo_t's si_addr
  // Regions are mapped far above the program itself, which can lose pages, too (its file cut short).
  if (address > kEndOfImage) {
    void* const zeroes =
        sys::map(reinterpret_cast<void*>(address / kPage * kPage), kPage, sys::kProtRead | sys::kProtWrite,
                 sys::kMapPrivate | sys::kMapAnonymous | sys::kMapFixed, -1);
    if (!sys::failed(zeroes)) return;
  }
  leave(Exit::unusable);
}

// The careful answer, and the reason for it.
Verdict conclude(Observation& seen, const Policy& policy, Diagnosis& diagnosis) {
  const Throttling before = read_throttling();
  const Verdict verdict = second_look(seen, policy);
  if (verdict.kind == Kind::stalled && verdict.worker >= 0) {
    const WorkerFacts& worker = seen.room[static_cast<std::size_t>(verdict.worker)];
    diagnose_task(seen.regions[worker.region], worker, diagnosis);
    diagnosis.throttled_percent = throttled_percent(before, read_throttling());
  }
  return verdict;
}

void write_json(Workspace& work, const Verdict& verdict, const Policy& policy, std::string_view line) {
  const Observation& seen = work.seen;
  Text out(work.text);
  Json json(out);
  json.open('{');
  json_verdict(json, verdict, policy, line);
  json.key("regions").open('[');
  for (const RegionFacts& region : seen.region_facts()) {
    json.next();
    json.open('{').foreign("name", region.name).string("code", code_of(region.failure.fault)).close('}');
  }
  json.close(']').key("workers").open('[');
  for (const WorkerFacts& worker : seen.workers()) {
    const RegionFacts& region = seen.facts[worker.region];
    const Condition condition = judge_worker(worker, region, seen.around, policy).condition;
    if (condition == Condition::absent) continue;
    json.next();
    WorkerFacts whole = worker;
    read_mark(seen.regions[worker.region], whole);
    const Region& mapped = seen.regions[worker.region];
    json_worker(json, whole, region, condition, policy, &mapped.record(worker.slot).lives[worker.bank]);
    write_all(1, out.view());
    out = Text(work.text);
  }
  json.close(']').close('}');
  out << '\n';
  write_all(1, out.view());
}

[[gnu::noinline]] void say_stack(Text& out, std::string_view name, const Observation& seen, const WorkerFacts& worker) {
  Diagnosis diagnosis;
  diagnose_task(seen.regions[worker.region], worker, diagnosis);
  shm_liveness::say_stack(out, name, diagnosis.where);
}

void write_verbose(Workspace& work, const Policy& policy, std::string_view line) {
  const Observation& seen = work.seen;
  Text out(work.text);
  out << line << '\n';
  for (const WorkerFacts& worker : seen.workers()) {
    const RegionFacts& region = seen.facts[worker.region];
    const Condition condition = judge_worker(worker, region, seen.around, policy).condition;
    if (condition == Condition::absent) continue;
    out << "  ";
    out.printable(region.name) << '/';
    out.printable(worker.name_view()) << ' ' << name_of(condition) << (worker.ready ? ", ready" : ", not ready");
    shm_liveness::detail::say_phase(out, worker);
    shm_liveness::detail::say_age(out, ",", worker.age_ns());
    shm_liveness::detail::say_limit(out, "limit", limit_of(worker, policy));
    out << ", " << worker.beats << " beats, pid " << worker.pid << '\n';
    if (condition == Condition::stalled) say_stack(out, {}, seen, worker);
    write_all(1, out.view());
    out = Text(work.text);
  }
  write_all(1, out.view());
}

// The line, then the stacks of all workers that stall, the one that the line is about first. The kubelet keeps the last
// 4096 bytes of the file, so no more are written.
std::string_view reason_of(Workspace& work, const Verdict& verdict, const Policy& policy, std::string_view line) {
  constexpr std::size_t kKept = 4096;
  Text out(work.text);
  out << line;
  if (verdict.kind != Kind::stalled || verdict.worker < 0) return out.view();
  out << '\n';
  const Observation& seen = work.seen;
  std::size_t at = static_cast<std::size_t>(verdict.worker);
  for (std::size_t left = seen.worker_count; left != 0 && out.size() < kKept - kFramesBytes - kNameBytes - 32; --left) {
    const WorkerFacts& worker = seen.room[at++ % seen.worker_count];
    const RegionFacts& region = seen.facts[worker.region];
    if (judge_worker(worker, region, seen.around, policy).condition != Condition::stalled) continue;
    say_stack(out, worker.name_view(), seen, worker);
  }
  out.cut(kKept);  // a foreign stack may have many short lines
  return out.view();
}

void write_reason(std::string_view path, std::string_view reason) {
  const int error = write_termination_log(path, true, reason);
  if (error >= 0) return;
  char problem[300];
  Text text(problem);
  (text << "cannot write the termination log ").printable(path);
  say_error_number(text, -error);
  complain(text.view(), Exit::healthy);
}

// Out of line, as the parser below: what one has put on the stack, the next may use again, and a page of stack that is
// never touched is a page fault saved.
[[gnu::noinline]] Exit answer(const Start& start, const Options& options) {
  const Policy& policy = options.watched.policy;
  expect_truncation(on_sigbus);
  ignore_broken_pipes();
  Workspace* const work = new_workspace();
  if (work == nullptr) return complain(sentence_of(Fault::no_memory), Exit::unusable);
  for (std::size_t r = 0; r < options.watched.region_count; ++r)
    add_region(work->seen, options.watched.places[r], start.user);
  Diagnosis diagnosis;
  const Verdict verdict = conclude(work->seen, policy, diagnosis);
  if (verdict.passes && options.output == Output::line) return verdict.exit();

  char line_buffer[512];
  Text line(line_buffer);
  say_verdict(line, verdict, work->seen.region_facts(), work->seen.workers(), policy, diagnosis);
  // First of all: whether anybody reads our output is nobody's promise.
  const bool restarts = policy.check != Check::readiness;
  if (!verdict.passes && restarts && !options.watched.termination_log.empty()) {
    write_reason(options.watched.termination_log, reason_of(*work, verdict, policy, line.view()));
  }
  switch (options.output) {
    case Output::json:
      write_json(*work, verdict, policy, line.view());
      break;
    case Output::verbose:
      write_verbose(*work, policy, line.view());
      break;
    case Output::line: {
      char out_buffer[520];
      Text out(out_buffer);
      out << line.view() << '\n';
      write_all(1, out.view());
      break;
    }
  }
  return verdict.exit();
}

Exit check(const Start& start, const Options& options) {
  const bool plainly_healthy =
      options.output == Output::line &&
      are_healthy_at_a_glance(std::span(options.watched.places).first(options.watched.region_count), start.user,
                              options.watched.policy);
  return plainly_healthy ? Exit::healthy : answer(start, options);
}

Exit test_self(const Start& start, const Options& options) {
  Failure failure;
  const char* step = self_test(options, start.user, failure);
  char buffer[1024];
  Text out(buffer);
  if (step == nullptr) {
    out << "shm-probe " << SHM_LIVENESS_VERSION << ": self-test passed\n";
    write_all(1, out.view());
    return Exit::healthy;
  }
  // The directory last: a long one is cut, and must not take the reason with it.
  out << "self-test: could not " << step << ": ";
  if (failure) out << '[' << code_of(failure.fault) << ']';
  say_error_number(out, failure.error);
  (out << " in ").printable(options.watched.directory);
  return complain(out.view(), Exit::unusable);
}

// Out of line: its buffer would else lie below all that a check puts on the stack.
[[gnu::noinline]] Exit install_here(const Start& start, const Options& options) {
  const InstallProblem problem = install(start, options.install_directory);
  if (problem.step == nullptr) return Exit::healthy;
  char buffer[512];
  Text text(buffer);
  (text << "--install: " << problem.step << ' ').printable(options.install_directory);
  say_error_number(text, problem.error);
  return complain(text.view(), Exit::unusable);
}

Exit print_version() {
  char buffer[64];
  Text out(buffer);
  out << "shm-probe " << SHM_LIVENESS_VERSION << " (layout " << kVersion << ")\n";
  return print(out.view());
}

Exit print_help() {
  char buffer[4096];
  Text out(buffer);
  say_help(out);
  return print(out.view());
}

}  // namespace

[[gnu::noinline]] static bool parse(const Start& start, Options& options) {
  char buffer[512];
  Text problem(buffer);
  if (Parser(start, options, problem).parse()) return true;
  complain(problem.view(), Exit::usage);
  return false;
}

Exit run(const Start& start) {
  Options options;
  if (!parse(start, options)) return Exit::usage;
  switch (options.mode) {
    case Mode::check:
      return check(start, options);
    case Mode::self_test:
      return test_self(start, options);
    case Mode::install:
      return install_here(start, options);
    case Mode::version:
      return print_version();
    case Mode::help:
      return print_help();
  }
  return Exit::usage;
}

}  // namespace shm_liveness::program
