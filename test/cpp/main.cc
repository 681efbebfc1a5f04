#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#if defined(__SANITIZE_THREAD__)
// The sampler's thread is joined when the next one begins (sampler.hpp), and ThreadSanitizer calls it leaked in a child
// that is forked between.
extern "C" const char* __tsan_default_options() { return "report_thread_leaks=0"; }
#endif
