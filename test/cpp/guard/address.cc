// Addresses, against inet_pton(3).
#include "guard/address.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include "random.hpp"

namespace test_of_guard_address {

using namespace shm_liveness::guard;
namespace os = shm_liveness::os;
using namespace std::string_view_literals;

namespace {

bool is_address(std::string_view text) {
  Address address;
  return parse_address(Exact(text).view(), address);
}
Address address_of(std::string_view text) {
  Address address;
  CAPTURE(std::string(text));
  REQUIRE(parse_address(Exact(text).view(), address));
  return address;
}
// What libc makes of a host; a port is put behind it for ours.
bool agrees_4(const std::string& host) {
  std::uint8_t theirs[4] = {};
  const bool valid = inet_pton(AF_INET, host.c_str(), theirs) == 1;
  Address ours;
  const bool parsed = parse_address(host + ":80", ours);
  return parsed == valid && (!valid || (!ours.is_6 && std::memcmp(ours.bytes, theirs, 4) == 0 && ours.port == 80));
}
bool agrees_6(const std::string& host) {
  std::uint8_t theirs[16] = {};
  const bool valid = inet_pton(AF_INET6, host.c_str(), theirs) == 1;
  Address ours;
  const bool parsed = parse_address("[" + host + "]:80", ours);
  return parsed == valid && (!valid || (ours.is_6 && std::memcmp(ours.bytes, theirs, 16) == 0 && ours.port == 80));
}

}  // namespace

TEST_CASE("an IPv4 address is four numbers, a port behind it") {
  const Address address = address_of("127.0.0.1:9808");
  CHECK_FALSE(address.is_6);
  CHECK(address.port == 9808);
  CHECK(std::memcmp(address.bytes, "\x7f\0\0\x01", 4) == 0);
  CHECK(address_of("255.255.255.255:65535").port == 65535);
  CHECK(address_of("0.0.0.0:1").port == 1);
}

TEST_CASE("every address of both families is [::] or nothing at all; any other of IPv6 has no IPv4 side") {
  for (const std::string_view text : {":9808", "[::]:9808", "[0:0:0:0:0:0:0:0]:9808"}) {
    CAPTURE(std::string(text));
    const Address address = address_of(text);
    CHECK(address.is_6);
    CHECK_FALSE(address.only_6);
    CHECK(address.port == 9808);
    for (const std::uint8_t byte : address.bytes) CHECK(byte == 0);
  }
  CHECK(address_of("[::1]:9808").only_6);
  CHECK(address_of("[::1]:9808").bytes[15] == 1);
  CHECK(address_of("[fe80::1:2]:9808").only_6);
}

TEST_CASE("a second address leaves nothing of the first") {
  Address address;
  REQUIRE(parse_address("[fe80::1]:80", address));
  REQUIRE(parse_address("0.0.0.0:81", address));
  CHECK_FALSE(address.is_6);
  CHECK_FALSE(address.only_6);
  for (const std::uint8_t byte : address.bytes) CHECK(byte == 0);
  REQUIRE(parse_address("[fe80::1]:80", address));
  REQUIRE(parse_address(":81", address));
  CHECK_FALSE(address.only_6);
  for (const std::uint8_t byte : address.bytes) CHECK(byte == 0);
}

TEST_CASE("what is no address with a port is refused") {
  for (const std::string_view text : {"",
                                      ":",
                                      "9808",
                                      "0.0.0.0",
                                      "0.0.0.0:",
                                      "0.0.0.0:0",
                                      "0.0.0.0:65536",
                                      "0.0.0.0:-1",
                                      "0.0.0.0:+1",
                                      "0.0.0.0: 1",
                                      "0.0.0.0:1 ",
                                      "0.0.0.0:99999999999999999999",
                                      "0.0.0.0:http",
                                      "localhost:80",
                                      "*:80",
                                      "[]:80",
                                      "[:80",
                                      "]:80",
                                      "[::]80",
                                      "[::]",
                                      "::1:80",
                                      "::80",
                                      "[::1:80",
                                      "::1]:80",
                                      "[::1]]:80",
                                      "[[::1]:80",
                                      "[::1%lo]:80",
                                      "[127.0.0.1]:80",
                                      " 0.0.0.0:80",
                                      "0.0.0.0 :80",
                                      "0.0.0:80",
                                      "0.0.0.0.0:80",
                                      "256.0.0.1:80",
                                      "0.0.0.-1:80",
                                      "0..0.1:80",
                                      "1:80",
                                      "http://0.0.0.0:80",
                                      "0x7f.0.0.1:80"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(is_address(text));
  }
  CHECK_FALSE(is_address("0.0.0.0:80\0"sv));
  CHECK_FALSE(is_address("0.0.0.0\0:80"sv));
}

TEST_CASE("IPv4 is read as inet_pton reads it") {
  for (const std::string host : {"1.2.3.4", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "1.2.3.",
                                 ".1.2.3", "1..2.3", "1.2.3.4 ", "a.b.c.d", "1.2.3.1000"}) {
    CAPTURE(host);
    CHECK(agrees_4(host));
  }
  Random random;
  for (int i = 0; i < 100'000; ++i) {
    std::string host;
    for (int part = 0; part < 4; ++part) host += (part == 0 ? "" : ".") + std::to_string(random.below(300));
    if (random.chance(20)) host[random.below(host.size())] = "0123456789.: x"[random.below(14)];
    if (random.chance(5)) host += random.of(".0123456789", 3);
    // Zeros in front are looked at below.
    if (host[0] == '0' || host.find(".0") != std::string::npos) continue;
    CHECK_MESSAGE(agrees_4(host), host);
  }
}

// Some read 010 as eight and some as ten, which is why inet_pton takes neither.
TEST_CASE("a number with a zero in front is refused, as inet_pton refuses it") {
  for (const std::string host : {"01.2.3.4", "1.2.3.010", "00.0.0.0", "127.0.0.01", "001.002.003.004"}) {
    CAPTURE(host);
    CHECK(agrees_4(host));
  }
}

TEST_CASE("IPv6 is read as inet_pton reads it, but for a dotted tail") {
  for (const std::string host : {"::",
                                 "::1",
                                 "1::",
                                 "1::8",
                                 "1:2:3:4:5:6:7:8",
                                 "1:2:3:4:5:6:7::",
                                 "::2:3:4:5:6:7:8",
                                 "1::3:4:5:6:7:8",
                                 "1:2:3:4:5:6:7",
                                 "1:2:3:4:5:6:7:8:9",
                                 "1:2:3:4:5:6:7:8::",
                                 "::1:2:3:4:5:6:7:8",
                                 "1:2:3:4::5:6:7:8",
                                 ":",
                                 ":::",
                                 ":1",
                                 "1:",
                                 "1:::2",
                                 "::1::",
                                 "1::2::3",
                                 "12345::",
                                 "g::",
                                 "::ffff",
                                 "FFFF:ABCD::abcd",
                                 "0001::",
                                 "00001::",
                                 "fe80::1%lo",
                                 " ::1",
                                 "::1 ",
                                 "-1::",
                                 "::-1",
                                 ""}) {
    CAPTURE(host);
    CHECK(agrees_6(host));
  }
  Random random;
  int valid = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string host;
    const std::uint64_t groups = random.between(1, 9);
    for (std::uint64_t group = 0; group < groups; ++group) {
      host += group == 0 ? "" : random.chance(15) ? "::" : ":";
      host += random.of("0123456789abcdefABCDEF", random.chance(3) ? 5 : 4);
    }
    if (random.chance(10)) host = "::" + host;
    if (random.chance(10)) host += "::";
    if (!host.empty() && random.chance(5)) host[random.below(host.size())] = ":g 0-"[random.below(5)];
    std::uint8_t bytes[16];
    valid += inet_pton(AF_INET6, host.c_str(), bytes);
    CHECK_MESSAGE(agrees_6(host), host);
  }
  CHECK(valid > 1000);
}

TEST_CASE("whatever comes is read within its bounds, and an address has a port") {
  constexpr std::string_view kSeeds[] = {"0.0.0.0:9808", "[::1]:9808", ":9808", "[fe80::1:2:3]:80",
                                         "255.255.255.255:65535"};
  constexpr std::string_view kWords[] = {":", "::", "[", "]", ".", "0", "65536", "ffff", "\0"sv};
  Random random;
  int valid = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Exact text(random.mutant(kSeeds, kWords));
    Address address;
    if (!parse_address(text.view(), address)) continue;
    ++valid;
    CHECK_MESSAGE(address.port != 0, "round ", i);
    CHECK_MESSAGE((address.is_6 || !address.only_6), "round ", i);
  }
  CHECK(valid > 1000);
}

namespace {

// As accept() gives it on an IPv6 socket, or on an IPv4 socket for "1.2.3.4".
Client client_at(const std::string& host, std::uint16_t port = 1) {
  os::InternetAddress6 from{};
  if (host.find(':') == std::string::npos) {
    os::InternetAddress four{};
    four.family = os::kInternet;
    std::memcpy(four.port, &port, sizeof port);
    REQUIRE(inet_pton(AF_INET, host.c_str(), four.address) == 1);
    std::memcpy(&from, &four, sizeof four);
    from.scope = port;  // left over in the caller's memory
  } else {
    from.family = os::kInternet6;
    std::memcpy(from.port, &port, sizeof port);
    REQUIRE(inet_pton(AF_INET6, host.c_str(), from.address) == 1);
  }
  return client_of(from);
}

}  // namespace

TEST_CASE("a client is its address, whatever its port and the kind of the socket") {
  CHECK(client_at("10.1.2.3", 1).key == client_at("10.1.2.3", 60'000).key);
  CHECK(client_at("10.1.2.3").key == client_at("::ffff:10.1.2.3").key);
  CHECK(client_at("10.1.2.3").key != client_at("10.1.2.4").key);
  CHECK(client_at("fd00::1", 1).key == client_at("fd00::1", 2).key);
  CHECK(client_at("fd00::1").key != client_at("fd00::2").key);
  CHECK(client_at("fd00:1::1").key != client_at("fd00::1").key);
}

TEST_CASE("a client of this machine is told by its address") {
  for (const char* const host : {"127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1", "::1"}) {
    CAPTURE(host);
    CHECK(client_at(host).is_local);
  }
  for (const char* const host : {"128.0.0.1", "10.127.0.1", "::ffff:10.0.0.1", "::2", "fd00::1", "1::1", "100::"}) {
    CAPTURE(host);
    CHECK_FALSE(client_at(host).is_local);
  }
}

}  // namespace test_of_guard_address
