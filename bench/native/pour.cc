// pour MEGABYTES: that much into standard output, in writes of 64 KiB.
// pour --drain: reads standard input to its end, and prints nanoseconds from its first byte to its last, and the bytes.
#include <string.h>
#include <unistd.h>

#include "measure.hpp"

static char g_buffer[65536];

static int drain() {
  std::uint64_t began = 0;
  unsigned long long total = 0;
  for (ssize_t got; (got = read(0, g_buffer, sizeof g_buffer)) > 0; total += static_cast<unsigned long long>(got)) {
    if (began == 0) began = bench::clock_ns();
  }
  std::printf("%llu %llu\n", static_cast<unsigned long long>(bench::clock_ns() - began), total);
  return 0;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "--drain") == 0) return drain();
  memset(g_buffer, 'x', sizeof g_buffer);
  for (long i = 0; i < std::atol(argv[1]) * 16; ++i) {
    for (std::size_t done = 0; done < sizeof g_buffer;) {
      const ssize_t wrote = write(1, g_buffer + done, sizeof g_buffer - done);
      if (wrote < 0) bench::die("write");
      done += static_cast<std::size_t>(wrote);
    }
  }
}
