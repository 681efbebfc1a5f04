// The C interface: a thin layer over the core. Compiled without exceptions and without what needs the C++ library, so
// that a C program links none (test/languages holds the library's symbols to that).
#include "shm_liveness.h"

#include <cstdlib>
#include <new>

#include "../shm_liveness/heartbeat.hpp"
#include "../shm_liveness/record.hpp"

using namespace shm_liveness;

struct shm_liveness_heartbeat {
  Heartbeat heartbeat;
  std::uint32_t pid;  // on whose behalf; 0: for itself
};

namespace {

// Static locals are not made under a lock here (-fno-threadsafe-statics), so they are made before main().
[[gnu::constructor]] void make_static_locals() {
  detail::ForkGuard::instance();
  detail::Sampler::instance();
}

std::string_view chosen(const char* wanted, const char* variable, std::string_view otherwise) {
  if (wanted == nullptr) wanted = std::getenv(variable);
  return wanted != nullptr && *wanted != '\0' ? std::string_view(wanted) : otherwise;
}

void name_process(const Claim& claim, std::uint32_t pid) {
  char path[32];
  Text stat(path);
  stat << "/proc/" << pid << "/stat";
  claim_on_behalf(claim, pid, start_ticks(stat.c_str()));
}

void free_heartbeat(shm_liveness_heartbeat* heartbeat) {
  heartbeat->~shm_liveness_heartbeat();
  std::free(heartbeat);
}

ClaimOptions claim_options(const shm_liveness_options& from) {
  ClaimOptions options;
  const char* const allow = std::getenv("SHM_LIVENESS_ALLOW_DISK");
  const std::string_view allowed = allow != nullptr ? allow : "";
  options.place = {chosen(from.directory, "SHM_LIVENESS_DIR", kDefaultDirectory),
                   chosen(from.region, "SHM_LIVENESS_REGION", "default"),
                   from.allow_disk || allowed == "1" || allowed == "true"};
  if (from.capacity != 0) options.creation.slots = from.capacity;
  if (from.mode != 0) options.creation.mode = from.mode;
  options.name = from.name != nullptr ? from.name : "";
  options.max_age_ns = from.max_age_ns;
  options.cycle_limit_ns = from.cycle_limit_ns;
  options.clock = from.clock == SHM_LIVENESS_CLOCK_COUNTED  ? Clock::counted
                  : from.clock == SHM_LIVENESS_CLOCK_COARSE ? Clock::coarse
                                                            : Clock::precise;
  return options;
}

template <std::size_t Bytes>
void copy_text(char (&to)[Bytes], const char (&from)[Bytes]) {
  __builtin_memcpy(to, from, Bytes);
}

}  // namespace

extern "C" {

int shm_liveness_claim(const shm_liveness_options* options, shm_liveness_heartbeat** claimed) {
  *claimed = nullptr;
  void* const memory = std::malloc(sizeof(shm_liveness_heartbeat));
  if (memory == nullptr) return static_cast<int>(Fault::no_memory);
  auto [heartbeat, failure] = Heartbeat::claim(claim_options(*options));
  if (failure) {
    std::free(memory);
    return static_cast<int>(failure.fault);
  }
  auto* made = new (memory) shm_liveness_heartbeat{std::move(heartbeat), options->pid};
  if (made->pid != 0) {
    name_process(made->heartbeat.held()->claim, made->pid);
    made->heartbeat.listen_for_loss(
        [](void* of, const detail::Held& held, Fault) {
          if (held.lost == Fault::none) name_process(held.claim, static_cast<shm_liveness_heartbeat*>(of)->pid);
        },
        made);
  }
  *claimed = made;
  return 0;
}

const char* shm_liveness_code(int fault) {
  const bool is_known = fault >= 0 && static_cast<std::size_t>(fault) < kFaultCount;
  return code_of(is_known ? static_cast<Fault>(fault) : Fault::system);
}
const char* shm_liveness_sentence(int fault) {
  const bool is_known = fault >= 0 && static_cast<std::size_t>(fault) < kFaultCount;
  return sentence_of(is_known ? static_cast<Fault>(fault) : Fault::system);
}

bool shm_liveness_beat(shm_liveness_heartbeat* heartbeat) { return heartbeat->heartbeat.beat(); }
bool shm_liveness_ready(shm_liveness_heartbeat* heartbeat) { return heartbeat->heartbeat.ready(); }
bool shm_liveness_not_ready(shm_liveness_heartbeat* heartbeat, const char* status) {
  return heartbeat->heartbeat.not_ready(status);
}
bool shm_liveness_begin_phase(shm_liveness_heartbeat* heartbeat, const char* name, std::uint64_t budget_ns) {
  return heartbeat->heartbeat.begin_phase(name, budget_ns);
}
bool shm_liveness_end_phase(shm_liveness_heartbeat* heartbeat) { return heartbeat->heartbeat.end_phase(); }

void shm_liveness_stop(shm_liveness_heartbeat* heartbeat) {
  if (heartbeat == nullptr) return;
  heartbeat->heartbeat.stop();
  free_heartbeat(heartbeat);
}
void shm_liveness_abandon(shm_liveness_heartbeat* heartbeat) {
  if (heartbeat != nullptr) free_heartbeat(heartbeat);
}

bool shm_liveness_read_last_words(const shm_liveness_heartbeat* heartbeat, shm_liveness_last_words* words) {
  const Claim& claim = heartbeat->heartbeat.held()->claim;
  if (claim.region.fd < 0) return false;  // the region was lost
  WorkerFacts now;
  read_slot(claim.region, claim.index, now);
  const LastWords last = read_last_words(claim.region, now);
  if (last.ended == Ended::none) return false;
  words->ended = nth_word("none\0stopped\0died\0left-over", static_cast<std::size_t>(last.ended));
  copy_text(words->name, last.worker.name);
  copy_text(words->phase, last.worker.phase);
  if (!last.worker.in_phase) words->phase[0] = '\0';
  words->pid = last.worker.pid;
  words->beats = last.worker.beats;
  words->last_beat_ns = last.worker.last_beat_ns;
  words->worst_cycle_ns = last.worker.worst_cycle_ns;
  words->late_cycles = last.worker.late_cycles;
  return true;
}

}  // extern "C"
