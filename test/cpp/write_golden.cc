// write_golden DIRECTORY: writes region-v1.hex, a small region in which each documented field has a value of its own,
// and region-v1.json, which says where they all are and what they hold. Slot 0 is a claimed worker in a phase, with its
// predecessor's last words; slot 1 has stopped. In the JSON, 64-bit values are strings: JavaScript's numbers end at
// 2^53.
#include <fstream>
#include <iomanip>
#include <shm_liveness/region.hpp>
#include <string>
#include <type_traits>

using namespace shm_liveness;

namespace {

constexpr std::uint32_t kSlots = 2;
constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kSecond = 1'000 * kMs;
alignas(4096) std::uint8_t g_memory[region_bytes_for(kSlots)];

void fill_header(Header& header) {
  header.magic.store_relaxed(kMagic);
  header.version.store_relaxed(kVersion);
  header.header_bytes.store_relaxed(sizeof(Header));
  header.signature.store_relaxed(kSignature);
  header.slot_bytes.store_relaxed(sizeof(Slot));
  header.slot_count.store_relaxed(kSlots);
  header.region_bytes.store_relaxed(sizeof g_memory);
  header.nonce.store_relaxed(0x0123456789abcdef);
  header.created_boottime_ns.store_relaxed(100 * kSecond + 1);
  header.restart_boottime_ns.store_relaxed(150 * kSecond + 2);
  header.restart_budget_ns.store_relaxed(30 * kSecond + 3);
  header.used_slots.store_relaxed(kSlots);
}

// `more` tells the values of one slot from those of another.
void fill_hot(Hot& hot, State state, bool in_phase, std::uint64_t more) {
  hot.last_beat_ns.store_relaxed(299 * kSecond + 11 + more);
  hot.beats.store_relaxed(12'012 + more);
  hot.state.store_relaxed(static_cast<std::uint32_t>(state));
  hot.ready.store_relaxed(in_phase ? 0 : 1);
  hot.worst_cycle_ns.store_relaxed(13 * kMs + more);
  hot.late_cycles.store_relaxed(14 + more);
  hot.late_at_ns.store_relaxed(298 * kSecond + 15 + more);
  hot.stall_limit_ns.store_relaxed(16 * kSecond + more);
  hot.renewed_ns.store_relaxed(297 * kSecond + 17 + more);
  hot.in_phase.store_relaxed(in_phase ? 1 : 0);
  hot.claiming_boottime_ns.store_relaxed(290 * kSecond + 18 + more);
}

void fill_identity(Identity& identity, Clock clock, std::string_view name, std::uint64_t more) {
  const auto more32 = static_cast<std::uint32_t>(more);
  identity.sequence.store_relaxed(22 + more32);
  identity.clock.store_relaxed(static_cast<std::uint32_t>(clock));
  identity.incarnation.store_relaxed(0xfedcba9876543210 + more);
  identity.name.store(name);
  identity.max_age_ns.store_relaxed(250 * kMs + more);
  identity.cycle_limit_ns.store_relaxed(24 * kMs + more);
  identity.pid.store_relaxed(2'025 + more32);
  identity.tid.store_relaxed(2'026 + more32);
  identity.task_start_ticks.store_relaxed(15'027 + more);
  identity.claimed_ns.store_relaxed(200 * kSecond + 28 + more);
  identity.claimed_boottime_ns.store_relaxed(201 * kSecond + 29 + more);
  identity.container_kind.store_relaxed(
      static_cast<std::uint64_t>(more == 0 ? ContainerKind::mount_id : ContainerKind::mount_namespace));
  identity.container_a.store_relaxed(4'026'531'831 + more);
  identity.container_b.store_relaxed(32 + more);
  identity.time_namespace.store_relaxed(4'026'531'834 + more);
  identity.grace_from_boottime_ns.store_relaxed(199 * kSecond + 34 + more);
  identity.inherited_deadline_ns.store_relaxed(230 * kSecond + 35 + more);
  identity.inherited.store_relaxed(more == 0 ? 1 : 0);
  identity.claims.store_relaxed(37 + more32);
}

void fill_last_words(LastWords& last, Ended ended, std::string_view name, std::string_view phase, std::uint64_t more) {
  last.ended.store_relaxed(static_cast<std::uint32_t>(ended));
  last.pid.store_relaxed(1'041 + static_cast<std::uint32_t>(more));
  last.incarnation.store_relaxed(0x8877665544332211 + more);
  last.name.store(name);
  last.last_beat_ns.store_relaxed(180 * kSecond + 43 + more);
  last.beats.store_relaxed(44'044 + more);
  last.worst_cycle_ns.store_relaxed(45 * kMs + more);
  last.late_cycles.store_relaxed(46 + more);
  last.late_at_ns.store_relaxed(179 * kSecond + 47 + more);
  last.claimed_ns.store_relaxed(120 * kSecond + 48 + more);
  last.claimed_boottime_ns.store_relaxed(121 * kSecond + 49 + more);
  last.stall_limit_ns.store_relaxed(50 * kSecond + more);
  last.renewed_ns.store_relaxed(178 * kSecond + 51 + more);
  last.in_phase.store_relaxed(phase.empty() ? 0 : 1);
  last.phase.store(phase);
}

void fill(const Region& region) {
  fill_header(region.header());
  Slot& worker = region.slot(0);
  fill_hot(worker.hot, State::claimed, true, 0);
  worker.labels.sequence.store_relaxed(18);
  worker.labels.phase.store("calibrate");
  worker.labels.status.store("warming up the lens");
  fill_identity(worker.identity, Clock::precise, "grabber", 0);
  fill_last_words(region.record(0).last_words, Ended::died, "grabber", "load the model", 0);

  Slot& ended = region.slot(1);
  fill_hot(ended.hot, State::stopped, false, 500);
  ended.labels.sequence.store_relaxed(20);
  ended.labels.phase.store("sp\xc3\xbclen");                      // two bytes for one character
  ended.labels.status.store(std::string(kStatusBytes - 1, 's'));  // as long as it may be
  fill_identity(ended.identity, Clock::coarse, std::string(kNameBytes - 1, 'n'), 500);
  fill_last_words(region.record(1).last_words, Ended::left_over, "encoder-0", "flush", 500);
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    for (std::uint32_t bin = 0; bin < kCycleBins; ++bin)
      region.record(i).cycles[bin].store_relaxed(1'000 * (i + 1) + bin);
  }
}

template <class T>
constexpr bool is_struct =
    std::is_same_v<T, Hot> || std::is_same_v<T, Labels> || std::is_same_v<T, Identity> || std::is_same_v<T, LastWords>;
template <class T>
const char* kind_of() {
  if (is_struct<T>) return "struct";
  if (std::is_same_v<T, Word32>) return "u32";
  return std::is_same_v<std::remove_all_extents_t<T>, Word64> ? "u64" : "text";
}

void write_value(std::ostream& out, const Word32& word) { out << word.load_relaxed(); }
void write_value(std::ostream& out, const Word64& word) { out << '"' << word.load_relaxed() << '"'; }
template <std::size_t Bytes>
void write_value(std::ostream& out, const SharedText<Bytes>& field) {
  char text[Bytes];
  field.load(text);
  out << '"' << text << '"';
}
void write_value(std::ostream& out, const Word64 (&words)[kCycleBins]) {
  for (std::size_t i = 0; i < kCycleBins; ++i) {
    out << (i == 0 ? "[" : i % 12 == 0 ? ",\n       " : ", ");
    write_value(out, words[i]);
  }
  out << ']';
}
// One object with all plain fields of a struct.
template <class T>
void write_values(std::ostream& out, const T& from) {
  const char* before = "\n      {";
#define WRITE_VALUE(Struct, field, offset)                                                                             \
  if constexpr (std::is_same_v<T, Struct> && !is_struct<decltype(Struct::field)>) {                                    \
    out << before << '"' << #field << "\": ";                                                                          \
    write_value(out, from.field);                                                                                      \
    before = ",\n       ";                                                                                             \
  }
  SHM_LIVENESS_FIELDS(WRITE_VALUE)
#undef WRITE_VALUE
  out << '}';
}

void write_structs(std::ostream& out) {
  constexpr std::size_t kRecords = sizeof(Header) + kSlots * sizeof(Slot);
  const auto row = [&](const char* name, const char* in, std::size_t base, std::size_t bytes,
                       const char* end = "},\n") {
    out << "    {\"struct\": \"" << name << "\", \"in\": \"" << in << "\", \"base\": " << base
        << ", \"bytes\": " << bytes << end;
  };
  out << "  \"structs\": [\n";
  row("Header", "region", 0, sizeof(Header));
  row("Slot", "region", sizeof(Header), sizeof(Slot));
  row("Hot", "Slot", offsetof(Slot, hot), sizeof(Hot));
  row("Labels", "Slot", offsetof(Slot, labels), sizeof(Labels));
  row("Identity", "Slot", offsetof(Slot, identity), sizeof(Identity));
  row("Record", "region", kRecords, sizeof(Record));
  row("LastWords", "Record", offsetof(Record, last_words), sizeof(LastWords), "}\n  ],\n");
}

void write_fields(std::ostream& out) {
  const char* before = "  \"fields\": [\n";
#define WRITE_FIELD(Struct, field, offset)                                                                             \
  out << before << "    {\"struct\": \"" #Struct "\", \"field\": \"" #field "\", \"offset\": " << offset               \
      << ", \"bytes\": " << sizeof(Struct::field) << ", \"kind\": \"" << kind_of<decltype(Struct::field)>() << "\"}";  \
  before = ",\n";
  SHM_LIVENESS_FIELDS(WRITE_FIELD)
#undef WRITE_FIELD
  out << "\n  ],\n";
}

// The instances of one struct, in the order of their slots.
template <class At>
void write_instances(std::ostream& out, const char* name, std::uint32_t count, At&& at, const char* end) {
  out << "    \"" << name << "\": [";
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i != 0) out << ',';
    write_values(out, at(i));
  }
  out << ']' << end;
}

void write_json(std::ostream& out, const Region& region) {
  out << "{\n  \"layout\": " << kVersion << ",\n  \"signature\": \"" << kSignature << "\",\n  \"slots\": " << kSlots
      << ",\n  \"region_bytes\": " << sizeof g_memory << ",\n";
  write_structs(out);
  write_fields(out);
  out << "  \"values\": {\n";
  write_instances(
      out, "Header", 1, [&](auto) -> const Header& { return region.header(); }, ",\n");
  write_instances(
      out, "Hot", kSlots, [&](auto i) -> const Hot& { return region.slot(i).hot; }, ",\n");
  write_instances(
      out, "Labels", kSlots, [&](auto i) -> const Labels& { return region.slot(i).labels; }, ",\n");
  write_instances(
      out, "Identity", kSlots, [&](auto i) -> const Identity& { return region.slot(i).identity; }, ",\n");
  write_instances(
      out, "LastWords", kSlots, [&](auto i) -> const LastWords& { return region.record(i).last_words; }, ",\n");
  write_instances(
      out, "Record", kSlots, [&](auto i) -> const Record& { return region.record(i); }, "\n  }\n}\n");
}

void write_hex(std::ostream& out) {
  constexpr std::size_t kBytesPerLine = 32;
  out << std::hex << std::setfill('0');
  for (std::size_t i = 0; i < sizeof g_memory; ++i) {
    out << std::setw(2) << unsigned(g_memory[i]) << (i % kBytesPerLine == kBytesPerLine - 1 ? "\n" : "");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return static_cast<int>(Exit::usage);
  const Region region{-1, g_memory, sizeof g_memory, 0, kSlots};
  fill(region);
  const std::string path = std::string(argv[1]) + "/region-v1";
  std::ofstream json(path + ".json");
  write_json(json, region);
  std::ofstream hex(path + ".hex");
  write_hex(hex);
  return json.flush() && hex.flush() ? 0 : 1;
}
