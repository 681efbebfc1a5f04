// clock_floor CHUNKS CALLS: nanoseconds of a bare clock_gettime(CLOCK_MONOTONIC), the floor under any stamp.
#include "measure.hpp"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::printf("%.3f\n", bench::ns_per_call(CLOCK_MONOTONIC, std::atoi(argv[1]), std::atoi(argv[2]), [] {
                timespec t;
                clock_gettime(CLOCK_MONOTONIC, &t);
                __asm__ volatile("" : : "r"(&t) : "memory");
              }));
}
