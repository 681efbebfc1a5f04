#include "running_code.hpp"

#include <cxxabi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <algorithm>
#include <atomic>

#include "old_glibc.hpp"
#include "shm_liveness/clock.hpp"

namespace shm_liveness::addon::stacks {
namespace {

// Why SIGURG: its default action is to ignore it, so one that comes too late does nothing; debuggers pass it on; and
// Go's runtime has sent it to threads in foreign code for years (runtime/signal_unix.go, sigPreempt). The handler is
// there only while it is needed, and never in place of another one.
//
// A thread that runs may enter the kernel before the signal is there. SA_RESTART has most calls go on; poll,
// epoll_wait, select and nanosleep end with EINTR, as at any signal. So each sample asks first whether the thread still
// runs.
constexpr int kSignal = SIGURG;
// The thread may have to wait for a CPU.
constexpr std::uint64_t kPatienceNs = 20'000'000;
constexpr std::uint64_t kAnswerPollNs = 100'000;
constexpr int kSamples = 8;
constexpr std::uint64_t kBetweenSamplesNs = 1'000'000;

std::atomic<std::uint32_t> g_asked;                               // the thread whose place is wanted; 0: none
std::atomic<std::uintptr_t> g_counter;                            // its program counter; 0: not yet
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);  // a handler may use no lock

std::uintptr_t program_counter(const ucontext_t& context) {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<std::uintptr_t>(context.uc_mcontext.pc);
#endif
}

void on_signal(int, siginfo_t*, void* context) {
  if (sys::thread_id() != g_asked.load(std::memory_order_acquire)) return;
  g_counter.store(program_counter(*static_cast<const ucontext_t*>(context)), std::memory_order_release);
}

// Puts the handler in place, unless the program has one of its own, and takes it away again.
class Handler {
 public:
  Handler() {
    struct sigaction before {};
    if (sigaction(kSignal, nullptr, &before) != 0 || !is_free(before)) return;
    struct sigaction ours {};
    ours.sa_sigaction = on_signal;
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;  // a coroutine's stack is small
    if (sigaction(kSignal, &ours, &before) != 0) return;
    is_there_ = is_free(before);
    // The program has set its own between the two calls.
    if (!is_there_) sigaction(kSignal, &before, nullptr);
  }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  ~Handler() {
    if (!is_there_) return;
    struct sigaction nothing {};
    struct sigaction was {};
    sigaction(kSignal, &nothing, &was);
    // The program has set its own meanwhile.
    if (was.sa_sigaction != on_signal) sigaction(kSignal, &was, nullptr);
  }
  bool is_there() const { return is_there_; }

 private:
  // Ours is there in a process that was forked while its parent looked.
  static bool is_free(const struct sigaction& action) {
    return action.sa_handler == SIG_DFL || action.sa_sigaction == on_signal;
  }
  bool is_there_ = false;
};

bool runs(const Task& task) {
  shm_liveness::detail::TaskPath path(task);
  char buffer[1024];
  return stat_field(read_small_file(path.of("stat"), buffer, sizeof buffer), 3) == "R";
}

std::uintptr_t counter_of(const Task& task) {
  g_counter.store(0, std::memory_order_relaxed);
  g_asked.store(task.tid, std::memory_order_release);
  std::uintptr_t counter = 0;
  if (runs(task) && sys::call(__NR_tgkill, task.pid, task.tid, kSignal) == 0) {
    const std::uint64_t deadline = monotonic_ns() + kPatienceNs;
    while ((counter = g_counter.load(std::memory_order_acquire)) == 0 && monotonic_ns() < deadline) {
      sys::sleep_ns(kAnswerPollNs);
    }
  }
  g_asked.store(0, std::memory_order_release);
  return counter;
}

// Returns how many there are.
int take_counters(const Task& task, std::uintptr_t (&out)[kSamples]) {
  const Handler handler;
  int taken = 0;
  while (handler.is_there() && taken < kSamples && (out[taken] = counter_of(task)) != 0) {
    ++taken;
    sys::sleep_ns(kBetweenSamplesNs);
  }
  return taken;
}

// A function of a library, or a place in it. By copies: a library goes when the thread that has loaded it ends.
struct Code {
  char name[256] = "";
  bool is_function = false;
  int times = 0;
};

bool find_code(std::uintptr_t counter, Code& out) {
  Dl_info found{};
  if (dladdr(reinterpret_cast<const void*>(counter), &found) == 0) return false;
  Text text(out.name);
  out.is_function = found.dli_sname != nullptr;
  if (out.is_function) {
    text << found.dli_sname;
  } else {
    const std::string_view path = found.dli_fname;
    char offset[24];
    snprintf(offset, sizeof offset, "+%#zx", counter - reinterpret_cast<std::uintptr_t>(found.dli_fbase));
    text << tail(path, path.rfind('/') + 1) << offset;
  }
  text.c_str();
  return true;
}

// `v8::internal::JsonParser<unsigned char>::ParseJsonValue`, without what is after the name.
void say_function(Text& out, const char* symbol) {
  int status = 0;
  char* const demangled = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  std::string_view name = demangled != nullptr ? demangled : symbol;
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  char buffer[160];
  Text text(buffer);
  for (std::size_t at; (at = name.find(kAnonymous)) != name.npos; name.remove_prefix(at + kAnonymous.size())) {
    text << head(name, at);
  }
  text << head(name, name.find('('));
  out.printable(text.view());
  free(demangled);
}

}  // namespace

void say_running_code(Text& out, const Task& task) {
  std::uintptr_t counters[kSamples];
  const int taken = take_counters(task, counters);
  // One sample often meets malloc() or memset(): the function that was met most often, or else the latest place.
  Code met[kSamples];
  int kinds = 0;
  Code latest;
  for (int i = 0; i < taken; ++i) {
    if (!find_code(counters[i], latest) || !latest.is_function) continue;
    Code* const known =
        std::find_if(met, met + kinds, [&](const Code& each) { return std::string_view(each.name) == latest.name; });
    if (known == met + kinds) met[kinds++] = latest;
    ++known->times;
  }
  if (kinds == 0) {
    out.printable(latest.name);
    return;
  }
  say_function(
      out, std::max_element(met, met + kinds, [](const Code& a, const Code& b) { return a.times < b.times; })->name);
}

}  // namespace shm_liveness::addon::stacks
