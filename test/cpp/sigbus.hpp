// The handler of a program that outlives a region that is cut short.
#pragma once

#include <doctest/doctest.h>

#include <csignal>
#include <shm_liveness/truncation.hpp>

namespace shm_liveness::real {

inline void handle_sigbus() {
  struct sigaction action = {};
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    if (!truncation::recover(info->si_addr)) signal(SIGBUS, SIG_DFL);  // repeated, the instruction now ends the process
  };
  action.sa_flags = SA_SIGINFO;
  REQUIRE(sigaction(SIGBUS, &action, nullptr) == 0);
}

}  // namespace shm_liveness::real
