#include <doctest/doctest.h>

#include <map>
#include <shm_liveness/region.hpp>
#include <string>
#include <vector>

using namespace shm_liveness;

// Golden bytes: what test/vectors/region-v2.json says of region-v2.hex, seen through the structs and past them.
namespace {

// Functions, because the vectors have hundreds of lines, and an expanded CHECK for each of them takes g++ a quarter of
// a minute.
void check_value(const char* what, std::uint64_t found, std::uint64_t expected) {
  CAPTURE(what);
  CHECK(found == expected);
}
void check_value(const char* what, const Word32& word, std::uint64_t expected) {
  check_value(what, word.load_relaxed(), expected);
}
void check_value(const char* what, const Word64& word, std::uint64_t expected) {
  check_value(what, word.load_relaxed(), expected);
}
template <std::size_t Bytes>
void check_value(const char* what, const SharedText<Bytes>& field, const char* expected) {
  char text[Bytes];
  field.load(text);
  CAPTURE(what);
  CHECK(std::string(text) == expected);
}

#define LAYOUT(value) constexpr std::uint32_t kGoldenLayout = value;
#define SIGNATURE(value) constexpr std::uint64_t kGoldenSignature = value;
#define SLOTS(value) constexpr std::uint32_t kGoldenSlots = value;
#define REGION_BYTES(value) constexpr std::uint64_t kGoldenBytes = value;
#define STRUCT(Struct, base, bytes, each)
#define FIELD(Struct, field, offset, bytes, kind)
#define VALUE(Struct, index, field, value)
#define CYCLES(index, bin, value)
#define BYTES(hex)
#include "golden.inc"
#undef LAYOUT
#undef SIGNATURE
#undef SLOTS
#undef REGION_BYTES
#undef BYTES

const char* const kHex[] = {
#define LAYOUT(value)
#define SIGNATURE(value)
#define SLOTS(value)
#define REGION_BYTES(value)
#define BYTES(hex) hex,
#include "golden.inc"
#undef BYTES
};
#define BYTES(hex)

constexpr std::uint32_t kPlaces = kSlowPlaces;

struct Golden : Region {
  Golden() {
    bytes_.reserve(kGoldenBytes);
    for (const std::string line : kHex) {
      for (std::size_t i = 0; i < line.size(); i += 2) {
        bytes_.push_back(static_cast<std::uint8_t>(std::stoul(line.substr(i, 2), nullptr, 16)));
      }
    }
    // In words, so that the structs in it are aligned.
    words_.resize(bytes_.size() / 8);
    __builtin_memcpy(words_.data(), bytes_.data(), bytes_.size());
    memory = reinterpret_cast<std::uint8_t*>(words_.data());
    bytes = bytes_.size();
    slot_count = kGoldenSlots;
  }
  Header& at_Header(std::uint32_t) const { return header(); }
  Bank& bank(std::uint32_t i) const { return slot(i / kBanks).banks[i % kBanks]; }
  Hot& at_Hot(std::uint32_t i) const { return bank(i).hot; }
  Labels& at_Labels(std::uint32_t i) const { return bank(i).labels; }
  Identity& at_Identity(std::uint32_t i) const { return bank(i).identity; }
  RestartMark& at_RestartMark(std::uint32_t i) const { return record(i).mark; }
  Life& at_Life(std::uint32_t i) const { return record(i / kBanks).lives[i % kBanks]; }
  Where& at_Where(std::uint32_t i) const { return at_Life(i).where; }
  SlowPlace& at_SlowPlace(std::uint32_t i) const { return at_Life(i / kPlaces).slow_places[i % kPlaces]; }

 private:
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint64_t> words_;
};

}  // namespace

TEST_CASE("the golden region is one, to all checks") {
  const Golden golden;
  REQUIRE(golden.bytes == kGoldenBytes);
  std::uint32_t slots = 0;
  CHECK_FALSE(detail::check_header(golden.header(), golden.bytes, slots));
  CHECK(slots == kGoldenSlots);
  CHECK(kGoldenLayout == kVersion);
  CHECK(kGoldenSignature == kSignature);
  CHECK(region_bytes_for(kGoldenSlots) == kGoldenBytes);
}

TEST_CASE("the structs are as long as the vectors say, and where") {
  const Golden golden;
  const std::uint8_t* const start = golden.memory;
  struct Entry {
    std::uint64_t base;
    std::uint64_t each;
  };
  std::map<std::string, Entry> structs;
#undef STRUCT
#define STRUCT(Struct, base, bytes, each)                                                                              \
  CHECK(sizeof(Struct) == bytes);                                                                                      \
  structs[#Struct] = {base, each};
#include "golden.inc"
#undef STRUCT
#define STRUCT(Struct, base, bytes, each)
  const auto is_at = [&](const void* object, std::initializer_list<const char*> inside) {
    std::uint64_t base = 0;
    for (const char* name : inside) base += structs[name].base;
    return object == start + base;
  };
  CHECK(is_at(&golden.slot(0), {"Slot"}));
  CHECK(is_at(&golden.slot(0).banks[0], {"Slot", "Bank"}));
  CHECK(is_at(&golden.at_Hot(0), {"Slot", "Bank", "Hot"}));
  CHECK(is_at(&golden.at_Labels(0), {"Slot", "Bank", "Labels"}));
  CHECK(is_at(&golden.at_Identity(0), {"Slot", "Bank", "Identity"}));
  CHECK(is_at(&golden.record(0), {"Record"}));
  CHECK(is_at(&golden.at_RestartMark(0), {"Record", "RestartMark"}));
  CHECK(is_at(&golden.at_Life(0), {"Record", "Life"}));
  CHECK(is_at(&golden.at_Where(0), {"Record", "Life", "Where"}));
  CHECK(is_at(&golden.at_SlowPlace(0), {"Record", "Life", "SlowPlace"}));
  CHECK(structs["Bank"].each == kBanks);
  CHECK(structs["Life"].each == kBanks);
  CHECK(structs["SlowPlace"].each == kSlowPlaces);
  CHECK(structs["Slot"].each == kGoldenSlots);
}

TEST_CASE("each field is where the vectors say, and none is left out") {
  std::size_t in_vectors = 0;
#undef FIELD
#define FIELD(Struct, field, offset, bytes, kind)                                                                      \
  check_value(#Struct "." #field " offset", offsetof(Struct, field), offset);                                          \
  check_value(#Struct "." #field " bytes", sizeof(Struct::field), bytes);                                              \
  ++in_vectors;
#include "golden.inc"
#undef FIELD
#define FIELD(Struct, field, offset, bytes, kind)
  std::size_t in_layout = 0;
#define COUNT(Struct, field, offset) ++in_layout;
  SHM_LIVENESS_FIELDS(COUNT)
  SHM_LIVENESS_LATER_FIELDS(COUNT)
#undef COUNT
  CHECK(in_vectors == in_layout);
}

TEST_CASE("each value is read through the structs as it was written") {
  const Golden golden;
#undef VALUE
#define VALUE(Struct, index, field, value)                                                                             \
  check_value(#Struct "[" #index "]." #field, golden.at_##Struct(index).field, value);
#undef CYCLES
#define CYCLES(index, bin, value) check_value("cycles", golden.at_Life(index).cycles[bin], value);
#include "golden.inc"
}

TEST_CASE("the last magic byte is a NUL, so that the first eight are a C string") {
  const Golden golden;
  CHECK(std::string(reinterpret_cast<const char*>(golden.memory)) == "SHMLIVE");
}

TEST_CASE("the hot words of each bank lie in cache line pairs of their own") {
  const Golden golden;
  for (std::uint32_t i = 0; i < kGoldenSlots * kBanks; ++i) {
    const auto at = reinterpret_cast<std::uint8_t*>(&golden.at_Hot(i)) - golden.memory;
    CHECK(at % 128 == 0);
  }
  CHECK(sizeof(Hot) == 128);
}
