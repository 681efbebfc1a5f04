// A thread that this library starts beside the program's own: it takes none of its signals, has a small stack and an
// ordinary priority, and does not keep the process from ending.
//
// The addon defines SHM_LIVENESS_THREADS_OF_LIBUV: Node has libuv, and pthread_create() would raise the addon's glibc
// floor from 2.17 to 2.34.
#pragma once

#include <initializer_list>

#include "sys.hpp"

#if defined(SHM_LIVENESS_THREADS_OF_LIBUV)
#include <uv.h>
#else
#include <pthread.h>
#endif

namespace shm_liveness::detail {

inline constexpr std::size_t kHelperStackBytes = 256 * 1024;  // reserved; two or three pages of it are used

// All signals but those that a fault raises, and those that a C library keeps for itself. A blocked SIGBUS of a region
// that was cut short would end the process without asking its handler. By 32 to 34 glibc and musl make all threads
// change their user with setuid(), which would wait for this one for ever.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    std::uint64_t mask = ~std::uint64_t(0);
    for (const int number : {4, 5, 7, 8, 11, 31, 32, 33, 34}) mask &= ~(std::uint64_t(1) << (number - 1));
    sys::call(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::word(&mask), sys::word(&before_), sizeof mask);
  }
  ~SignalsBlocked() { sys::call(__NR_rt_sigprocmask, 2, sys::word(&before_), 0, sizeof before_); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  std::uint64_t before_ = 0;
};

// A thread inherits the policy and the CPUs of the thread that starts it. That one may be a real-time loop, pinned to a
// CPU of its own, where a helper of equal priority would never run and a helper at all is not wanted. So it takes the
// ordinary policy, and the CPUs of the main thread: those that the process was given.
inline void become_ordinary() {
  const int priority = 0;
  sys::call(__NR_sched_setscheduler, 0, 0 /* SCHED_OTHER */, sys::word(&priority));
  std::uint64_t cpus[128] = {};
  const long bytes = sys::call(__NR_sched_getaffinity, sys::process_id(), sizeof cpus, sys::word(cpus));
  if (bytes > 0) sys::call(__NR_sched_setaffinity, 0, bytes, sys::word(cpus));
  sys::call(__NR_prctl, 15 /* PR_SET_NAME */, sys::word("shm-liveness"), 0, 0, 0);
}

class HelperThread {
 public:
  // Runs `run(argument)`. False: the system refused a thread.
  bool start(void (*run)(void*), void* argument) {
    run_ = run;
    argument_ = argument;
    const SignalsBlocked blocked;
#if defined(SHM_LIVENESS_THREADS_OF_LIBUV)
    uv_thread_options_t options{};
    options.flags = UV_THREAD_HAS_STACK_SIZE;
    options.stack_size = kHelperStackBytes;
    is_started_ = uv_thread_create_ex(&thread_, &options, body, this) == 0;
#else
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kHelperStackBytes);
    const auto entry = [](void* self) -> void* {
      body(self);
      return nullptr;
    };
    is_started_ = pthread_create(&thread_, &attributes, entry, this) == 0;
    pthread_attr_destroy(&attributes);
#endif
    return is_started_;
  }
  // Waits until the thread has ended, if there is one.
  void join() {
    if (!is_started_) return;
    is_started_ = false;
#if defined(SHM_LIVENESS_THREADS_OF_LIBUV)
    uv_thread_join(&thread_);
#else
    pthread_join(thread_, nullptr);
#endif
  }

 private:
  static void body(void* self) {
    auto* const helper = static_cast<HelperThread*>(self);
    become_ordinary();
    helper->run_(helper->argument_);
  }

#if defined(SHM_LIVENESS_THREADS_OF_LIBUV)
  uv_thread_t thread_{};
#else
  pthread_t thread_{};
#endif
  void (*run_)(void*) = nullptr;
  void* argument_ = nullptr;
  bool is_started_ = false;
};

}  // namespace shm_liveness::detail
