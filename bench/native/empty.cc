// The floor under any exec'd program: static, without libc, exits 0 at once.
extern "C" [[noreturn]] void _start() {
#if defined(__x86_64__)
  __asm__ volatile("xor %%edi, %%edi\n mov $231, %%eax\n syscall" : : : "memory");
#else
  __asm__ volatile("mov x0, #0\n mov x8, #94\n svc #0" : : : "memory");
#endif
  __builtin_unreachable();
}
