#include <doctest/doctest.h>

#include <shm_liveness/text.hpp>
#include <string>

namespace test_of_text {

using namespace shm_liveness;

namespace {
std::string printable(std::string_view text) {
  char buffer[256];
  Text out(buffer);
  out.printable(text);
  return std::string(out.view());
}
}  // namespace

TEST_CASE("text that does not fit is cut, and says so") {
  char buffer[4];
  Text out(buffer);
  out << "abc";
  CHECK_FALSE(out.overflowed());
  out << "de";
  CHECK(out.overflowed());
  CHECK(std::string(out.view()) == "abcd");
  CHECK(std::string(out.c_str()) == "abc");
}

TEST_CASE("numbers are written whole") {
  char buffer[64];
  Text out(buffer);
  out << 0u << ' ' << ~std::uint64_t(0) << ' ' << -17;
  CHECK(std::string(out.view()) == "0 18446744073709551615 -17");
}

TEST_CASE("foreign bytes become question marks, good UTF-8 stays") {
  CHECK(printable("plain") == "plain");
  CHECK(printable("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa2") ==
        "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\xa2");
  CHECK(printable("a\nb\x1b[31m\x7f") == "a?b?[31m?");
  CHECK(printable("\xff\xc3") == "??");
  CHECK(printable("\xc0\xaf") == "??");            // overlong
  CHECK(printable("\xed\xa0\x80") == "???");       // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "????");  // beyond Unicode
  CHECK(printable("\xe2\x82") == "??");            // cut short
}

TEST_CASE("a cut never splits a character") {
  char buffer[64];
  Text out(buffer);
  out << "12345\xe2\x82\xac";
  out.cut(7);
  CHECK(std::string(out.view()) == "12345");
  CHECK(out.overflowed());
}

TEST_CASE("numbers are parsed within their bound") {
  std::uint64_t value = 7;
  CHECK(parse_number("4096", 4096, value));
  CHECK(value == 4096);
  for (const char* bad : {"", "4097", "-1", "1x", "99999999999999999999999"})
    CHECK_FALSE(parse_number(bad, 4096, value));
  CHECK(value == 4096);
}

TEST_CASE("a cut at the beginning of a character, or beyond the end, takes no more than it must") {
  for (const auto& [bytes, left] :
       {std::pair{5, "12345"}, {6, "12345"}, {8, "12345\xe2\x82\xac"}, {64, "12345\xe2\x82\xac"}}) {
    char buffer[64];
    Text out(buffer);
    out << "12345\xe2\x82\xac";
    out.cut(static_cast<std::size_t>(bytes));
    CHECK(std::string(out.view()) == left);
  }
}

TEST_CASE("the parts of a text clamp instead of throwing") {
  CHECK(head("abc", 2) == "ab");
  CHECK(head("abc", std::string_view::npos) == "abc");
  CHECK(tail("abc", 1) == "bc");
  CHECK(tail("abc", 9).empty());
}

TEST_CASE("words that lie behind one another are found by their number") {
  constexpr char kWords[] = "a\0bc\0\0d";
  CHECK(std::string(nth_word(kWords, 0)) == "a");
  CHECK(std::string(nth_word(kWords, 1)) == "bc");
  CHECK(std::string(nth_word(kWords, 2)).empty());
  CHECK(std::string(nth_word(kWords, 3)) == "d");
}

TEST_CASE("the largest number is parsed, and one more is not") {
  std::uint64_t value = 0;
  CHECK(parse_number("18446744073709551615", ~std::uint64_t(0), value));
  CHECK(value == ~std::uint64_t(0));
  CHECK_FALSE(parse_number("18446744073709551616", ~std::uint64_t(0), value));
  CHECK_FALSE(parse_number("5", 4, value));
}

// U+0080 to U+009F: a terminal takes 0xc2 0x9b for the beginning of an escape sequence.
TEST_CASE("control characters beyond ASCII become question marks") {
  CHECK(printable("a\xc2\x9b"
                  "31mb")
            .find("\xc2\x9b") == std::string::npos);
}

}  // namespace test_of_text
