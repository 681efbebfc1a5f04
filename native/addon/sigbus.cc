#include "sigbus.hpp"

#include <signal.h>

#include "shm_liveness/truncation.hpp"

namespace shm_liveness::addon {
namespace {

struct sigaction g_previous;

void on_sigbus(int number, siginfo_t* info, void* context) {
  const bool is_fault = info->si_code > 0;  // else somebody's kill(), and si_addr means nothing
  if (is_fault && truncation::recover(info->si_addr)) return;
  if ((g_previous.sa_flags & SA_SIGINFO) != 0) {
    g_previous.sa_sigaction(number, info, context);
  } else if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN) {
    g_previous.sa_handler(number);
  } else {
    // A faulting instruction is repeated on return, and then ends the process as it would have without us, core and
    // all; a signal that was sent must be sent again.
    sigaction(SIGBUS, &g_previous, nullptr);
    if (!is_fault) raise(number);
  }
}

}  // namespace

void guard_against_truncation() {
  // Not std::call_once: its pthread_once would raise the addon's glibc floor from 2.17 to 2.34.
  [[maybe_unused]] static const bool installed = [] {
    struct sigaction action = {};
    action.sa_sigaction = on_sigbus;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGBUS, &action, &g_previous) == 0;
  }();
}

}  // namespace shm_liveness::addon
