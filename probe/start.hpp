// A program without libc: entry, and the few functions that compilers call by themselves.
//
// Without libc because a probe is spawned every second for years: a static glibc start costs three times the whole
// run of this program. For the same reason it has no writable data: a page of .data is copied at every start.
// Include in exactly one translation unit.
#pragma once

#include <linux/auxvec.h>

#include "program.hpp"

namespace shm_liveness::program {

Exit run(const Start& start);  // the program

}  // namespace shm_liveness::program

extern "C" {

// On x86 the string instructions: a loop by bytes took a tenth of a probe of 256 workers.
[[gnu::used]] void* memcpy(void* to, const void* from, std::size_t bytes) {
#if defined(__x86_64__)
  void* t = to;
  __asm__ volatile("rep movsb" : "+D"(t), "+S"(from), "+c"(bytes) : : "memory");
#else
  for (std::size_t i = 0; i < bytes; ++i) static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
#endif
  return to;
}
[[gnu::used]] void* memmove(void* to, const void* from, std::size_t bytes) {
  if (to <= from) return memcpy(to, from, bytes);
  auto* t = static_cast<char*>(to);
  auto* f = static_cast<const char*>(from);
  while (bytes-- > 0) t[bytes] = f[bytes];
  return to;
}
[[gnu::used]] void* memset(void* to, int value, std::size_t bytes) {
#if defined(__x86_64__)
  void* t = to;
  __asm__ volatile("rep stosb" : "+D"(t), "+c"(bytes) : "a"(value) : "memory");
#else
  for (std::size_t i = 0; i < bytes; ++i) static_cast<char*>(to)[i] = static_cast<char>(value);
#endif
  return to;
}
[[gnu::used]] int memcmp(const void* a, const void* b, std::size_t bytes) {
  auto* x = static_cast<const unsigned char*>(a);
  auto* y = static_cast<const unsigned char*>(b);
  for (std::size_t i = 0; i < bytes; ++i) {
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return 0;
}
[[gnu::used]] void* memchr(const void* in, int value, std::size_t bytes) {
  auto* b = static_cast<const unsigned char*>(in);
  for (std::size_t i = 0; i < bytes; ++i) {
    if (b[i] == static_cast<unsigned char>(value)) return const_cast<unsigned char*>(b + i);
  }
  return nullptr;
}
[[gnu::used]] std::size_t strlen(const char* text) {
  std::size_t length = 0;
  while (text[length] != '\0') ++length;
  return length;
}

// The kernel's start stack (System V ABI): argc, argv…, null, environment…, null, auxiliary vector.
[[noreturn, gnu::used]] void shm_liveness_start(long* stack) {
  using namespace shm_liveness::program;
  Start start{static_cast<int>(stack[0]), reinterpret_cast<char**>(stack + 1), nullptr, ~0u, ""};
  start.environment = start.argv + start.argc + 1;
  char** end = start.environment;
  while (*end != nullptr) ++end;
  for (auto* entry = reinterpret_cast<unsigned long*>(end + 1); entry[0] != AT_NULL; entry += 2) {
    if (entry[0] == AT_EUID) start.user = static_cast<std::uint32_t>(entry[1]);
    if (entry[0] == AT_EXECFN) start.executable = reinterpret_cast<const char*>(entry[1]);
  }
  leave(run(start));
}

}  // extern "C"

#if defined(__x86_64__)
__asm__(".text\n.globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call shm_liveness_start\n");
#elif defined(__aarch64__)
__asm__(".text\n.globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n bl shm_liveness_start\n");
#else
#error "the static programs are written for x86-64 and AArch64"
#endif
