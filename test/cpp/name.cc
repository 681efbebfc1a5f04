#include <doctest/doctest.h>

#include <shm_liveness/name.hpp>
#include <string>

namespace test_of_name {

using namespace shm_liveness;

TEST_CASE("names are portable file names") {
  for (const char* good : {"a", "worker-0", "A.b_c-9", "0", "-", "_", "a."}) CHECK(is_valid_name(good));
  for (const char* bad : {"", ".", "..", ".a", "a/b", "/", "../x", "a b", "a\n", "a:b", "a,b", "gr\xc3\xbc", "\x7f"}) {
    CAPTURE(std::string(bad));
    CHECK_FALSE(is_valid_name(bad));
  }
  CHECK_FALSE(is_valid_name(std::string_view("a\0b", 3)));
}

TEST_CASE("a name fits its field with a NUL behind it") {
  CHECK(is_valid_name(std::string(kNameBytes - 1, 'x')));
  CHECK_FALSE(is_valid_name(std::string(kNameBytes, 'x')));
  CHECK_FALSE(is_valid_name(std::string(300, 'x')));
}

TEST_CASE("phases and status lines are any text of one line that fits") {
  CHECK(is_valid_text("", kNameBytes));
  CHECK(is_valid_text("load the model: gr\xc3\xbc\xc3\x9f", kNameBytes));
  CHECK(is_valid_text(std::string(kStatusBytes - 1, 's'), kStatusBytes));
  CHECK_FALSE(is_valid_text(std::string(kStatusBytes, 's'), kStatusBytes));
  for (const char* bad : {"a\nb", "\t", "\x1b[31m", "\x7f"}) CHECK_FALSE(is_valid_text(bad, kNameBytes));
  CHECK_FALSE(is_valid_text(std::string_view("a\0b", 3), kNameBytes));
}

}  // namespace test_of_name
