#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#if defined(__SANITIZE_THREAD__)
// The sampler's thread is joined when the next one begins (sampler.hpp). ThreadSanitizer calls it leaked where a
// process ends before that.
extern "C" const char* __tsan_default_options() { return "report_thread_leaks=0"; }
#endif
