#include <doctest/doctest.h>

#include <map>
#include <shm_liveness/region.hpp>
#include <string>
#include <vector>

using namespace shm_liveness;

// Golden bytes: what test/vectors/region-v1.json says of region-v1.hex, seen through the structs and past them.
namespace {

std::uint32_t value_of(const Word32& word) { return word.load_relaxed(); }
std::uint64_t value_of(const Word64& word) { return word.load_relaxed(); }
template <std::size_t Bytes>
std::string value_of(const SharedText<Bytes>& field) {
  char text[Bytes];
  field.load(text);
  return text;
}

#define LAYOUT(value) constexpr std::uint32_t kGoldenLayout = value;
#define SIGNATURE(value) constexpr std::uint64_t kGoldenSignature = value;
#define SLOTS(value) constexpr std::uint32_t kGoldenSlots = value;
#define REGION_BYTES(value) constexpr std::uint64_t kGoldenBytes = value;
#define STRUCT(Struct, base, bytes)
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
  Hot& at_Hot(std::uint32_t i) const { return slot(i).hot; }
  Labels& at_Labels(std::uint32_t i) const { return slot(i).labels; }
  Identity& at_Identity(std::uint32_t i) const { return slot(i).identity; }
  LastWords& at_LastWords(std::uint32_t i) const { return record(i).last_words; }

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
#undef STRUCT
#define STRUCT(Struct, base, bytes)                                                                                    \
  CHECK(sizeof(Struct) == bytes);                                                                                      \
  bases[#Struct] = base;
  std::map<std::string, std::uint64_t> bases;
#include "golden.inc"
#undef STRUCT
#define STRUCT(Struct, base, bytes)
  CHECK(reinterpret_cast<std::uint8_t*>(&golden.slot(0)) == start + bases["Slot"]);
  CHECK(reinterpret_cast<std::uint8_t*>(&golden.slot(0).hot) == start + bases["Slot"] + bases["Hot"]);
  CHECK(reinterpret_cast<std::uint8_t*>(&golden.slot(0).labels) == start + bases["Slot"] + bases["Labels"]);
  CHECK(reinterpret_cast<std::uint8_t*>(&golden.slot(0).identity) == start + bases["Slot"] + bases["Identity"]);
  CHECK(reinterpret_cast<std::uint8_t*>(&golden.record(0)) == start + bases["Record"]);
  CHECK(reinterpret_cast<std::uint8_t*>(&golden.record(0).last_words) == start + bases["Record"] + bases["LastWords"]);
}

TEST_CASE("each field is where the vectors say, and none is left out") {
  std::size_t in_vectors = 0;
#undef FIELD
#define FIELD(Struct, field, offset, bytes, kind)                                                                      \
  CHECK_MESSAGE(offsetof(Struct, field) == offset, #Struct "." #field);                                                \
  CHECK_MESSAGE(sizeof(Struct::field) == bytes, #Struct "." #field);                                                   \
  ++in_vectors;
#include "golden.inc"
#undef FIELD
#define FIELD(Struct, field, offset, bytes, kind)
  std::size_t in_layout = 0;
#define COUNT(Struct, field, offset) ++in_layout;
  SHM_LIVENESS_FIELDS(COUNT)
#undef COUNT
  CHECK(in_vectors == in_layout);
}

TEST_CASE("each value is read through the structs as it was written") {
  const Golden golden;
#undef VALUE
#define VALUE(Struct, index, field, value)                                                                             \
  CHECK_MESSAGE(value_of(golden.at_##Struct(index).field) == value, #Struct "[" #index "]." #field);
#undef CYCLES
#define CYCLES(index, bin, value) CHECK(value_of(golden.record(index).cycles[bin]) == value);
#include "golden.inc"
}

TEST_CASE("the last magic byte is a NUL, so that the first eight are a C string") {
  const Golden golden;
  CHECK(std::string(reinterpret_cast<const char*>(golden.memory)) == "SHMLIVE");
}
