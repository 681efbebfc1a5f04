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
    if (sigaction(kSignal, nullptr, &before) != 0) return;
    // Ours: this process was forked while its parent looked.
    if (before.sa_handler != SIG_DFL && before.sa_sigaction != on_signal) return;
    struct sigaction ours {};
    ours.sa_sigaction = on_signal;
    // A call of the kernel that the thread has entered meanwhile goes on; a goroutine's or a coroutine's stack is
    // small.
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    is_there_ = sigaction(kSignal, &ours, nullptr) == 0;
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
  bool is_there_ = false;
};

std::uintptr_t counter_of(const Task& task) {
  g_counter.store(0, std::memory_order_relaxed);
  g_asked.store(task.tid, std::memory_order_release);
  std::uintptr_t counter = 0;
  if (sys::call(__NR_tgkill, task.pid, task.tid, kSignal) == 0) {
    const std::uint64_t deadline = monotonic_ns() + kPatienceNs;
    while ((counter = g_counter.load(std::memory_order_acquire)) == 0 && monotonic_ns() < deadline) {
      sys::sleep_ns(kAnswerPollNs);
    }
  }
  g_asked.store(0, std::memory_order_release);
  return counter;
}

// One sample often meets malloc() or memset(). Of several, the function that a library names and that was met most
// often.
Dl_info usual_code(const Task& task, std::uintptr_t& counter) {
  struct Met {
    Dl_info code;
    int times;
  };
  Met met[kSamples];
  int kinds = 0;
  Dl_info latest{};
  const Handler handler;
  for (int sample = 0; handler.is_there() && sample < kSamples; ++sample) {
    if (sample != 0) sys::sleep_ns(kBetweenSamplesNs);
    const std::uintptr_t at = counter_of(task);
    if (at == 0) break;
    Dl_info code{};
    if (dladdr(reinterpret_cast<const void*>(at), &code) == 0) continue;
    counter = at;
    latest = code;
    if (code.dli_sname == nullptr) continue;
    Met* const known =
        std::find_if(met, met + kinds, [&](const Met& each) { return each.code.dli_saddr == code.dli_saddr; });
    if (known == met + kinds) met[kinds++] = {code, 0};
    ++known->times;
  }
  if (kinds == 0) return latest;
  return std::max_element(met, met + kinds, [](const Met& a, const Met& b) { return a.times < b.times; })->code;
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
  std::uintptr_t counter = 0;
  const Dl_info code = usual_code(task, counter);
  if (code.dli_fname == nullptr) return;
  if (code.dli_sname != nullptr) return say_function(out, code.dli_sname);
  const std::string_view path = code.dli_fname;
  char offset[24];
  snprintf(offset, sizeof offset, "+%#zx", counter - reinterpret_cast<std::uintptr_t>(code.dli_fbase));
  out.printable(tail(path, path.rfind('/') + 1)) << offset;
}

}  // namespace shm_liveness::addon::stacks
