// Where to listen: "0.0.0.0:9808", "[::]:9808", or ":9808" for every address of both families, as
// far as there are both.
#pragma once

#include "../../native/shm_liveness/text.hpp"
#include "os.hpp"

namespace shm_liveness::guard {

struct Address {
  bool is_6 = false;
  bool only_6 = false;  // an explicit [..] address other than [::] has no IPv4 side
  std::uint8_t bytes[16] = {};
  std::uint16_t port = 0;

  bool means_all() const { return is_6 && !only_6; }  // of both families
};

// Where a connection comes from, without the port.
struct Client {
  std::uint64_t key = 0;  // of its address
  bool is_local = false;
};

namespace detail {

inline bool parse_4(std::string_view text, std::uint8_t* out) {
  for (int i = 0; i < 4; ++i) {
    const std::string_view part = head(text, text.find('.'));
    std::uint64_t number = 0;
    // No leading zero: some take it for octal.
    if (!parse_number(part, 255, number) || (part.size() > 1 && part[0] == '0')) return false;
    out[i] = static_cast<std::uint8_t>(number);
    const bool last = part.size() == text.size();
    if (last != (i == 3)) return false;
    text = tail(text, part.size() + 1);
  }
  return true;
}

inline bool parse_hex(std::string_view text, unsigned& out) {
  if (text.empty() || text.size() > 4) return false;
  out = 0;
  for (const char c : text) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9')
      out = out * 16 + static_cast<unsigned>(c - '0');
    else if (lower >= 'a' && lower <= 'f')
      out = out * 16 + static_cast<unsigned>(lower - 'a' + 10);
    else
      return false;
  }
  return true;
}

// RFC 4291, without the dotted tail: groups of four digits, "::" at most once.
inline bool parse_6(std::string_view text, std::uint8_t (&out)[16]) {
  unsigned groups[8];
  int count = 0;
  int gap = -1;
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const std::string_view part = head(text, text.find(':'));
    if (count == 8 || !parse_hex(part, groups[count++])) return false;
    text.remove_prefix(part.size());
    if (text.empty()) break;
    text.remove_prefix(1);
    if (text.empty()) return false;
    if (text[0] == ':') {
      if (gap >= 0) return false;
      gap = count;
      text.remove_prefix(1);
    }
  }
  if (gap < 0 ? count != 8 : count > 7) return false;
  for (std::uint8_t& byte : out) byte = 0;
  for (int i = 0; i < count; ++i) {
    const int at = gap >= 0 && i >= gap ? 8 - count + i : i;
    out[2 * at] = static_cast<std::uint8_t>(groups[i] >> 8);
    out[2 * at + 1] = static_cast<std::uint8_t>(groups[i] & 0xff);
  }
  return true;
}

}  // namespace detail

// Of what accept() filled in. An IPv4 client of an IPv6 socket is the same as one of an IPv4 socket.
inline Client client_of(const os::InternetAddress6& from) {
  std::uint8_t four[4];
  if (from.family == os::kInternet) {
    os::InternetAddress address;
    __builtin_memcpy(&address, &from, sizeof address);
    __builtin_memcpy(four, address.address, sizeof four);
  } else {
    constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (__builtin_memcmp(from.address, kMapped, sizeof kMapped) != 0) {
      std::uint64_t halves[2];
      __builtin_memcpy(halves, from.address, sizeof halves);
      constexpr std::uint64_t kOne = std::uint64_t(1) << 56;  // the last byte
      return {halves[0] * 0x9e3779b97f4a7c15 ^ halves[1], halves[0] == 0 && halves[1] == kOne};
    }
    __builtin_memcpy(four, from.address + sizeof kMapped, sizeof four);
  }
  std::uint32_t key;
  __builtin_memcpy(&key, four, sizeof key);
  return {key, four[0] == 127};
}

// Port 0 is refused: nobody would find it.
inline bool parse_address(std::string_view text, Address& out) {
  out = {};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view host = head(text, colon);
  std::uint64_t port = 0;
  if (!parse_number(tail(text, colon + 1), 65535, port) || port == 0) return false;
  out.port = static_cast<std::uint16_t>(port);
  if (host.empty()) {
    out.is_6 = true;
    return true;
  }
  if (host[0] != '[') return detail::parse_4(host, out.bytes);
  if (host.back() != ']') return false;
  out.is_6 = true;
  if (!detail::parse_6(tail(head(host, host.size() - 1), 1), out.bytes)) return false;
  for (const std::uint8_t byte : out.bytes) out.only_6 = out.only_6 || byte != 0;
  return true;
}

}  // namespace shm_liveness::guard
