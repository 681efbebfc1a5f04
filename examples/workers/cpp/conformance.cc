// A worker in C++ for `shm-liveness conformance`: docs/conformance.md.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <shm_liveness/heartbeat.hpp>
#include <shm_liveness/record.hpp>
#include <sstream>
#include <string>

namespace {

shm_liveness::Heartbeat g_heartbeat;

std::string variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

std::string answer(bool is_held) { return is_held ? "ok" : "error STOPPED"; }

std::string claim(std::istringstream& rest) {
  const std::string directory = variable("SHM_LIVENESS_DIR", "/dev/shm");
  const std::string region = variable("SHM_LIVENESS_REGION", "default");
  std::string name;
  shm_liveness::ClaimOptions options;
  rest >> name >> options.max_age_ns >> options.cycle_limit_ns >> options.creation.slots;
  options.place = {directory, region};
  options.name = name;
  auto [heartbeat, failure] = shm_liveness::Heartbeat::claim(options);
  if (failure) return std::string("error ") + code_of(failure.fault);
  g_heartbeat = std::move(heartbeat);
  return "ok";
}

std::string last_words() {
  if (g_heartbeat.held() == nullptr || g_heartbeat.held()->claim.region.fd < 0) return answer(false);
  const shm_liveness::Claim& claim = g_heartbeat.held()->claim;
  shm_liveness::WorkerFacts now;
  read_slot(claim.region, claim.index, now);
  const shm_liveness::LastWords last = read_last_words(claim.region, now);
  const char* const words[] = {"none", "stopped", "died", "left-over"};
  std::string text = std::string("ok ") + words[static_cast<std::size_t>(last.ended)];
  if (last.ended == shm_liveness::Ended::none) return text;
  text += ' ' + std::to_string(last.worker.beats);
  return last.worker.in_phase ? text + ' ' + last.worker.phase : text;
}

// The child beats in vain, and then sleeps without exec.
std::string fork_child() {
  int beaten[2];
  if (pipe(beaten) != 0) return answer(false);
  const pid_t child = fork();
  if (child == 0) {
    g_heartbeat.beat();
    if (write(beaten[1], "", 1) == 1) sleep(60);
    _exit(0);
  }
  char byte;
  const bool has_beaten = child > 0 && read(beaten[0], &byte, 1) == 1;
  close(beaten[0]);
  close(beaten[1]);
  return has_beaten ? "ok " + std::to_string(child) : answer(false);
}

std::string phase(std::istringstream& rest) {
  std::uint64_t budget_ns = 0;
  std::string name;
  rest >> budget_ns >> std::ws;
  std::getline(rest, name);
  return answer(g_heartbeat.begin_phase(name, budget_ns));
}

std::string not_ready(std::istringstream& rest) {
  std::string status;
  std::getline(rest >> std::ws, status);
  return answer(g_heartbeat.not_ready(status));
}

std::string serve(const std::string& line) {
  std::istringstream rest(line);
  std::string word;
  rest >> word;
  if (word == "features") return "ok comeback last-words fork";
  if (word == "claim") return claim(rest);
  if (word == "last-words") return last_words();
  if (word == "beat") return answer(g_heartbeat.beat());
  if (word == "ready") return answer(g_heartbeat.ready());
  if (word == "not-ready") return not_ready(rest);
  if (word == "phase") return phase(rest);
  if (word == "end-phase") return answer(g_heartbeat.end_phase());
  if (word == "fork") return fork_child();
  if (word != "stop") return "error UNKNOWN_REQUEST";
  g_heartbeat.stop();
  return "ok";
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) std::cout << serve(line) << std::endl;
}
