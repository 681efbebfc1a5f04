// The socket behind --listen's address.
#pragma once

#include "address.hpp"

namespace shm_liveness::guard {

namespace detail {

inline void set_port(std::uint8_t (&out)[2], std::uint16_t port) {
  out[0] = static_cast<std::uint8_t>(port >> 8);
  out[1] = static_cast<std::uint8_t>(port & 0xff);
}

// Or -errno.
inline int bound_socket(const Address& address) {
  const int fd = os::make_socket(address.is_6 ? os::kInternet6 : os::kInternet, os::kStream);
  if (fd < 0) return fd;
  os::set_option(fd, os::kSocketLevel, os::kReuseAddress, 1);  // a predecessor's connections may linger
  int error;
  if (address.is_6) {
    os::set_option(fd, os::kIp6Level, os::kIp6Only, address.only_6 ? 1 : 0);
    os::InternetAddress6 to{};
    to.family = os::kInternet6;
    set_port(to.port, address.port);
    __builtin_memcpy(to.address, address.bytes, sizeof to.address);
    error = os::bind(fd, &to, sizeof to);
  } else {
    os::InternetAddress to{};
    to.family = os::kInternet;
    set_port(to.port, address.port);
    __builtin_memcpy(to.address, address.bytes, sizeof to.address);
    error = os::bind(fd, &to, sizeof to);
  }
  if (error >= 0) return fd;
  sys::close(fd);
  return error;
}

}  // namespace detail

// A listening socket, or -errno.
inline int listening_socket(const Address& address) {
  // Those who come while all places are taken are accepted at once, so a long queue does not make a probe wait, and a
  // short one would make its SYN be dropped behind a crowd. The kernel cuts it to net.core.somaxconn.
  constexpr int kBacklog = 1024;
  int fd = detail::bound_socket(address);
  // A kernel without IPv6 does not know the family; a sandbox may know it and have no address of it.
  if (address.means_all() && (fd == -os::kNoFamily || fd == -os::kAddressNotAvailable)) {
    Address all_4;
    all_4.port = address.port;
    fd = detail::bound_socket(all_4);
  }
  if (fd < 0) return fd;
  if (const int error = os::listen(fd, kBacklog); error < 0) {
    sys::close(fd);
    return error;
  }
  return fd;
}

}  // namespace shm_liveness::guard
