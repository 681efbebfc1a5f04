// pthread_atfork() for the addon, in place of the C library's. glibc's is in the part that is linked into each file,
// and calls __register_atfork; musl has no such function and exports pthread_atfork itself. The addon that npm ships is
// built against glibc and must load under both.
#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>

#include "stacks/old_glibc.hpp"

extern "C" {

// Not in any header. Weak: null under musl.
__attribute__((weak)) int __register_atfork(void (*prepare)(), void (*parent)(), void (*child)(), void* owner);
// Of this file, as glibc's pthread_atfork() passes it.
extern void* __dso_handle __attribute__((visibility("hidden")));

// Hidden: the addon's own calls bind to it, and those of nobody else.
__attribute__((visibility("hidden"))) int pthread_atfork(void (*prepare)(), void (*parent)(),
                                                         void (*child)()) noexcept {
  if (__register_atfork != nullptr) return __register_atfork(prepare, parent, child, __dso_handle);
  using Register = int(void (*)(), void (*)(), void (*)());
  auto* const of_musl = reinterpret_cast<Register*>(dlsym(RTLD_DEFAULT, "pthread_atfork"));
  return of_musl != nullptr ? of_musl(prepare, parent, child) : ENOSYS;
}
}
