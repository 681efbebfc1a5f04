// Small readers of /proc. All of it may be absent (a scratch image, a sandbox): then each says so and nothing breaks.
#pragma once

#include "sys.hpp"
#include "text.hpp"

namespace shm_liveness {

// What the buffer holds of the file, empty if it cannot be read.
inline std::string_view read_small_file(const char* path, char* buffer, std::size_t capacity) {
  const int fd = sys::open(path, sys::kReadOnly | sys::kCloseOnExec | sys::kNonBlock);
  if (fd < 0) return {};
  std::size_t size = 0;
  while (size < capacity) {
    const long got = sys::read(fd, buffer + size, capacity - size);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  sys::close(fd);
  return {buffer, size};
}

// The n-th of the words that single spaces divide, from 0; empty, if there are not so many.
inline std::string_view word_of(std::string_view line, int n) {
  for (; n > 0; --n) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) return {};
    line.remove_prefix(space + 1);
  }
  return head(line, line.find_first_of(" \n"));
}

// The part of a /proc/<pid>/stat line behind the command name, which may hold spaces and parentheses itself.
// proc(5) numbers the fields from 1; the state is field 3.
inline std::string_view stat_field(std::string_view stat, int field) {
  const std::size_t close = stat.rfind(')');
  return close == std::string_view::npos ? std::string_view{} : word_of(tail(stat, close + 2), field - 3);
}

// proc(5), field 3 of /proc/<pid>/stat.
inline const char* state_word(char state) {
  const char* words = "Rrunning\0Ssleeping\0Ddisk sleep\0Tstopped by a signal\0tstopped by a debugger\0Zzombie\0";
  while (*words != '\0' && *words != state) words = nth_word(words, 1);
  return *words != '\0' ? words + 1 : nullptr;
}

// When a task was started, in clock ticks since boot (field 22); 0 if that cannot be known.
inline std::uint64_t start_ticks(const char* stat_path) {
  char buffer[1024];
  std::uint64_t ticks = 0;
  parse_number(stat_field(read_small_file(stat_path, buffer, sizeof buffer), 22), ~std::uint64_t(0), ticks);
  return ticks;
}

// Calls visit(name) for each entry of the directory `fd`; the name ends with a NUL.
template <class Visit>
[[gnu::always_inline]] inline void for_each_entry(int fd, Visit&& visit) {
  alignas(8) char entries[4096];
  for (long bytes; (bytes = sys::list_directory(fd, entries, sizeof entries)) > 0;) {
    for (long at = 0; at < bytes;) {
      // struct linux_dirent64: d_ino 8, d_off 8, d_reclen 2, d_type 1, d_name
      std::uint16_t length;
      __builtin_memcpy(&length, entries + at + 16, sizeof length);
      const std::string_view name(entries + at + 19);
      at += length;
      visit(name);
    }
  }
}

// Calls visit(pid) for each process that /proc shows. False: there is no /proc.
template <class Visit>
[[gnu::always_inline]] inline bool for_each_process(Visit&& visit) {
  const int fd = sys::open("/proc", sys::kReadOnly | sys::kDirectory | sys::kCloseOnExec);
  if (fd < 0) return false;
  for_each_entry(
      fd, [&](std::string_view name) __attribute__((always_inline)) {
        std::uint64_t pid = 0;
        if (parse_number(name, 0xffffffff, pid)) visit(pid);
      });
  sys::close(fd);
  return true;
}

// The inode behind a namespace link such as /proc/self/ns/time; 0 if there is no /proc or no right to look.
inline std::uint64_t namespace_inode(const char* path) {
  sys::FileStatus status{};
  return sys::status(path, 0, STATX_INO, status) < 0 ? 0 : status.stx_ino;
}

}  // namespace shm_liveness
