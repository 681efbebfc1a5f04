// write_golden DIRECTORY: writes region-v2.hex, a small region in which each documented field has a value of its own,
// and region-v2.json, which says where they all are and what they hold. Slot 0 is a claimed worker in a phase, behind a
// predecessor that died, and its supervisor has marked a restart; slot 1 has stopped, behind a left-over one. In the
// JSON, 64-bit values are strings: JavaScript's numbers end at 2^53.
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
  header.used_slots.store_relaxed(kSlots);
  header.claim_turns.store_relaxed(1'002);
}

struct Filling {
  State state = State::claimed;
  bool in_phase = false;
  Clock clock = Clock::precise;
  Ended before = Ended::none;
  std::uint32_t serial = 0;
  std::string_view name;
  std::string_view phase;
  std::string_view status;
  std::uint64_t more = 0;  // tells the values of one bank from those of another
};

void fill_hot(Hot& hot, const Filling& with) {
  hot.last_beat_ns.store_relaxed(299 * kSecond + 11 + with.more);
  hot.beats.store_relaxed(12'012 + with.more);
  hot.state.store_relaxed(static_cast<std::uint32_t>(with.state));
  hot.ready.store_relaxed(with.in_phase ? 0 : 1);
  hot.worst_cycle_ns.store_relaxed(13 * kMs + with.more);
  hot.late_cycles.store_relaxed(1'014 + with.more);
  hot.late_at_ns.store_relaxed(298 * kSecond + 15 + with.more);
  hot.stall_limit_ns.store_relaxed(16 * kSecond + with.more);
  hot.renewed_ns.store_relaxed(297 * kSecond + 17 + with.more);
  hot.in_phase.store_relaxed(with.in_phase ? 1 : 0);
  hot.serial.store_relaxed(with.serial);
  hot.count.store_relaxed(static_cast<std::uint32_t>(1'018 + with.more));
}

void fill_identity(Identity& identity, const Filling& with) {
  const std::uint64_t more = with.more;
  const auto more32 = static_cast<std::uint32_t>(more);
  identity.incarnation.store_relaxed(0xfedcba9876543210 + more);
  identity.clock.store_relaxed(static_cast<std::uint32_t>(with.clock));
  identity.predecessor_ended.store_relaxed(static_cast<std::uint32_t>(with.before));
  identity.name.store(with.name);
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
  identity.container_b.store_relaxed(1'032 + more);
  identity.time_namespace.store_relaxed(4'026'531'834 + more);
  identity.grace_from_boottime_ns.store_relaxed(199 * kSecond + 34 + more);
  identity.deadline_boottime_ns.store_relaxed(230 * kSecond + 35 + more);
  identity.row.store_relaxed(3 + more32);
}

void fill_bank(Bank& bank, const Filling& with) {
  fill_hot(bank.hot, with);
  bank.labels.sequence.store_relaxed(18 + static_cast<std::uint32_t>(with.more));
  bank.labels.phase.store(with.phase);
  bank.labels.status.store(with.status);
  fill_identity(bank.identity, with);
}

void fill_life(Life& life, std::uint64_t more) {
  const auto more32 = static_cast<std::uint32_t>(more);
  for (std::uint32_t bin = 0; bin < kCycleBins; ++bin) life.cycles[bin].store_relaxed(100'000 + 1'000 * more + bin);
  life.where.sequence.store_relaxed(2 + more32);
  life.where.kind.store_relaxed(1 + more32);
  life.where.taken_ns.store_relaxed(296 * kSecond + 61 + more);
  life.where.silent_ns.store_relaxed(5 * kSecond + 62 + more);
  life.where.frames.store("calibrate lens.cc:" + std::to_string(41 + more) + "\nmain main.cc:7");
  for (std::uint32_t i = 0; i < kSlowPlaces; ++i) {
    SlowPlace& place = life.slow_places[i];
    place.sequence.store_relaxed(4 + 2 * i + more32);
    place.count.store_relaxed(71 + i + more32);
    place.text.store("grab_" + std::to_string(i) + " lens.cc:" + std::to_string(90 + more));
  }
}

void fill_mark(RestartMark& mark, std::uint64_t more) {
  mark.incarnation.store_relaxed(0xfedcba9876543210 + more);
  mark.marked_boottime_ns.store_relaxed(300 * kSecond + 81 + more);
  mark.budget_ns.store_relaxed(30 * kSecond + 82 + more);
  mark.restarts.store_relaxed(83 + static_cast<std::uint32_t>(more));
}

void fill(const Region& region) {
  fill_header(region.header());
  Slot& worker = region.slot(0);
  fill_bank(worker.banks[0], {.in_phase = true,
                              .before = Ended::died,
                              .serial = 38,
                              .name = "grabber",
                              .phase = "calibrate",
                              .status = "warming up the lens"});
  fill_bank(worker.banks[1], {.in_phase = true,
                              .before = Ended::stopped,
                              .serial = 37,
                              .name = "grabber",
                              .phase = "load the model",
                              .more = 250});
  Slot& ended = region.slot(1);
  const std::string longest_status(kStatusBytes - 1, 's');
  const std::string longest_name(kNameBytes - 1, 'n');
  fill_bank(ended.banks[0], {.before = Ended::none, .serial = 6, .name = "encoder-0", .phase = "flush", .more = 500});
  fill_bank(ended.banks[1], {.state = State::stopped,
                             .clock = Clock::coarse,
                             .before = Ended::left_over,
                             .serial = 7,
                             .name = longest_name,
                             .phase = "sp\xc3\xbclen",  // two bytes for one character
                             .status = longest_status,
                             .more = 750});
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    fill_mark(region.record(i).mark, 500 * i);
    for (std::uint32_t bank = 0; bank < kBanks; ++bank) fill_life(region.record(i).lives[bank], 500 * i + 250 * bank);
  }
}

template <class T>
using Plain = std::remove_all_extents_t<T>;
template <class T>
constexpr bool is_struct =
    std::is_same_v<Plain<T>, Hot> || std::is_same_v<Plain<T>, Labels> || std::is_same_v<Plain<T>, Identity> ||
    std::is_same_v<Plain<T>, Bank> || std::is_same_v<Plain<T>, RestartMark> || std::is_same_v<Plain<T>, Where> ||
    std::is_same_v<Plain<T>, SlowPlace> || std::is_same_v<Plain<T>, Life>;
template <class T>
const char* kind_of() {
  if (is_struct<T>) return "struct";
  if (std::is_same_v<T, Word32>) return "u32";
  return std::is_same_v<Plain<T>, Word64> ? "u64" : "text";
}

void write_value(std::ostream& out, const Word32& word) { out << word.load_relaxed(); }
void write_value(std::ostream& out, const Word64& word) { out << '"' << word.load_relaxed() << '"'; }
template <std::size_t Bytes>
void write_value(std::ostream& out, const SharedText<Bytes>& field) {
  char text[Bytes];
  field.load(text);
  out << '"';
  for (const char* c = text; *c != '\0'; ++c) *c == '\n' ? out << "\\n" : out << *c;
  out << '"';
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
  SHM_LIVENESS_LATER_FIELDS(WRITE_VALUE)
#undef WRITE_VALUE
  out << '}';
}

void write_structs(std::ostream& out) {
  constexpr std::size_t kRecords = sizeof(Header) + kSlots * sizeof(Slot);
  // `each`: how many of it lie side by side there.
  const auto row = [&](const char* name, const char* in, std::size_t base, std::size_t bytes, std::uint32_t each = 1,
                       const char* end = "},\n") {
    out << "    {\"struct\": \"" << name << "\", \"in\": \"" << in << "\", \"base\": " << base
        << ", \"bytes\": " << bytes << ", \"each\": " << each << end;
  };
  out << "  \"structs\": [\n";
  row("Header", "region", 0, sizeof(Header));
  row("Slot", "region", sizeof(Header), sizeof(Slot), kSlots);
  row("Bank", "Slot", offsetof(Slot, banks), sizeof(Bank), kBanks);
  row("Hot", "Bank", offsetof(Bank, hot), sizeof(Hot));
  row("Labels", "Bank", offsetof(Bank, labels), sizeof(Labels));
  row("Identity", "Bank", offsetof(Bank, identity), sizeof(Identity));
  row("Record", "region", kRecords, sizeof(Record), kSlots);
  row("RestartMark", "Record", offsetof(Record, mark), sizeof(RestartMark));
  row("Life", "Record", offsetof(Record, lives), sizeof(Life), kBanks);
  row("Where", "Life", offsetof(Life, where), sizeof(Where));
  row("SlowPlace", "Life", offsetof(Life, slow_places), sizeof(SlowPlace), kSlowPlaces, "}\n  ],\n");
}

void write_fields(std::ostream& out) {
  const char* before = "  \"fields\": [\n";
#define WRITE_FIELD(Struct, field, offset)                                                                             \
  out << before << "    {\"struct\": \"" #Struct "\", \"field\": \"" #field "\", \"offset\": " << offset               \
      << ", \"bytes\": " << sizeof(Struct::field) << ", \"kind\": \"" << kind_of<decltype(Struct::field)>() << "\"}";  \
  before = ",\n";
  SHM_LIVENESS_FIELDS(WRITE_FIELD)
  SHM_LIVENESS_LATER_FIELDS(WRITE_FIELD)
#undef WRITE_FIELD
  out << "\n  ],\n";
}

// The instances of one struct, in the order in which they lie in the region.
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
  const auto bank = [&](std::uint32_t i) -> const Bank& { return region.slot(i / kBanks).banks[i % kBanks]; };
  const auto life = [&](std::uint32_t i) -> const Life& { return region.record(i / kBanks).lives[i % kBanks]; };
  constexpr std::uint32_t kBoth = kSlots * kBanks;
  constexpr std::uint32_t kPlaces = kSlowPlaces;
  out << "  \"values\": {\n";
  write_instances(
      out, "Header", 1, [&](auto) -> const Header& { return region.header(); }, ",\n");
  write_instances(
      out, "Hot", kBoth, [&](auto i) -> const Hot& { return bank(i).hot; }, ",\n");
  write_instances(
      out, "Labels", kBoth, [&](auto i) -> const Labels& { return bank(i).labels; }, ",\n");
  write_instances(
      out, "Identity", kBoth, [&](auto i) -> const Identity& { return bank(i).identity; }, ",\n");
  write_instances(
      out, "RestartMark", kSlots, [&](auto i) -> const RestartMark& { return region.record(i).mark; }, ",\n");
  write_instances(
      out, "Life", kBoth, [&](auto i) -> const Life& { return life(i); }, ",\n");
  write_instances(
      out, "Where", kBoth, [&](auto i) -> const Where& { return life(i).where; }, ",\n");
  write_instances(
      out, "SlowPlace", kBoth * kPlaces,
      [&](auto i) -> const SlowPlace& { return life(i / kPlaces).slow_places[i % kPlaces]; }, "\n  }\n}\n");
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
  const Region region{-1, g_memory, nullptr, sizeof g_memory, 0, kSlots};
  fill(region);
  const std::string path = std::string(argv[1]) + "/region-v2";
  std::ofstream json(path + ".json");
  write_json(json, region);
  std::ofstream hex(path + ".hex");
  write_hex(hex);
  return json.flush() && hex.flush() ? 0 : 1;
}
