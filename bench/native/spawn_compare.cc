// spawn_compare ROUNDS -- PROGRAM ARGUMENT… -- PROGRAM ARGUMENT…: from spawn to exit, in turns, on one CPU. vfork,
// because Node's own spawn costs more than what is measured. Each ratio is one round's time by that round's first.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "measure.hpp"

namespace {

struct Contender {
  char** argv;
  std::vector<double> us, ratios;
};

double run_us(char** argv) {
  static char* environment[] = {nullptr};
  const std::uint64_t began = bench::clock_ns();
  const pid_t child = vfork();
  if (child < 0) bench::die("vfork");
  if (child == 0) {
    execve(argv[0], argv, environment);
    _exit(127);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) bench::die("waitpid");
  const std::uint64_t ended = bench::clock_ns();
  if (status != 0) {
    std::fprintf(stderr, "%s ended with status %#x\n", argv[0], status);
    std::exit(1);
  }
  return static_cast<double>(ended - began) / 1000;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const int rounds = std::atoi(argv[1]);
  std::vector<Contender> contenders;
  for (int i = 2; i < argc; ++i) {
    if (std::strcmp(argv[i], "--") != 0) continue;
    argv[i] = nullptr;
    contenders.push_back({argv + i + 1, {}, {}});
  }
  const int out = fcntl(1, F_DUPFD_CLOEXEC, 3);
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (out < 0 || nowhere < 0 || dup2(nowhere, 0) < 0 || dup2(nowhere, 1) < 0) bench::die("/dev/null");
  bench::pin_to(0);

  for (Contender& contender : contenders) run_us(contender.argv);
  for (int round = 0; round < rounds; ++round) {
    for (Contender& contender : contenders) contender.us.push_back(run_us(contender.argv));
    for (Contender& contender : contenders) contender.ratios.push_back(contender.us.back() / contenders[0].us.back());
  }
  dprintf(out, "[");
  for (const Contender& contender : contenders) {
    dprintf(out, R"(%s{"us":%.2f,"ratio":%.4f,"low":%.4f,"high":%.4f})", &contender == &contenders[0] ? "" : ",",
            bench::median(contender.us), bench::median(contender.ratios), bench::quartile(contender.ratios, 1),
            bench::quartile(contender.ratios, 3));
  }
  dprintf(out, "]\n");
}
