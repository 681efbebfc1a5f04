// The functions of libdl and libpthread that this folder needs, by the names of their first versions. glibc 2.34 moved
// them into libc.so under new versions. A plain reference would bind to those, and the addon would not load where glibc
// is older; the old names are still there everywhere. musl ignores versions.
#pragma once

#include <dlfcn.h>
#include <pthread.h>

#if defined(__GLIBC__)
#if defined(__x86_64__)
#define SHM_LIVENESS_FIRST_GLIBC "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define SHM_LIVENESS_FIRST_GLIBC "GLIBC_2.17"
#endif
#if defined(SHM_LIVENESS_FIRST_GLIBC)
__asm__(".symver dladdr, dladdr@" SHM_LIVENESS_FIRST_GLIBC);
__asm__(".symver dlsym, dlsym@" SHM_LIVENESS_FIRST_GLIBC);
__asm__(".symver pthread_mutex_trylock, pthread_mutex_trylock@" SHM_LIVENESS_FIRST_GLIBC);
#endif
#endif
