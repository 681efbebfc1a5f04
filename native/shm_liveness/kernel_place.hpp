// Where a task is, as the kernel says: the system call and what it waits for, or that it runs. One line, in the text
// that `Where` keeps: `read of fd 22 -> /data/fifo (pipe_read)`. Nothing is stopped, traced or signalled.
//
// Why no read here blocks (fs/proc/array.c, fs/proc/base.c, fs/proc/fd.c). stat, wchan and the links fd/N take
// spinlocks only, and a link is shown without a look at the file system it leads to. syscall takes exec_update_lock, as
// io does (probe/guard/tree.hpp). maps, cmdline, environ and mem take mmap_lock, which a task that waits for a disk or
// for another task can hold; fdinfo takes the mutex of an epoll. So none of these is read. The paths that calls were
// given, and the descriptors of poll and select, lie in the task's memory, and are not read either.
//
// Rights. stat and wchan need none or few. `syscall` asks for the right to trace: root's, or the same user's for a task
// that may dump core; where Yama restricts it (ptrace_scope 1), that of an ancestor, as the guard is. Without it the
// line has the wait channel alone.
#pragma once

#include "procfs.hpp"
#include "system_calls.hpp"

namespace shm_liveness {

inline constexpr std::size_t kKernelPlaceBytes = 256;

// A task, and when it began: numbers are used again.
struct Task {
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint64_t start_ticks = 0;
};

namespace detail {

// /proc/<pid>/task/<tid>/<file>
class TaskPath {
 public:
  explicit TaskPath(const Task& task) : text_(buffer_, sizeof buffer_) {
    text_ << "/proc/" << task.pid << "/task/" << task.tid << '/';
    directory_bytes_ = text_.size();
  }
  const char* of(const char* file) {
    text_.cut(directory_bytes_);
    return (text_ << file).c_str();
  }
  const char* of_descriptor(std::uint64_t fd) {
    of("fd/");
    return (text_ << fd).c_str();
  }

 private:
  char buffer_[96];
  Text text_;
  std::size_t directory_bytes_;
};

inline std::string_view read_link(const char* path, char* buffer, std::size_t capacity) {
  const long got =
      sys::call(__NR_readlinkat, sys::kAtFdCwd, sys::word(path), sys::word(buffer), static_cast<long>(capacity));
  return {buffer, got > 0 ? static_cast<std::size_t>(got) : 0};
}

// `0x7fff5b` as a number; what is none is 0.
inline std::uint64_t hexadecimal(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : tail(text, 2)) value = value << 4 | static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
  return value;
}

// `read of fd 22 -> /data/fifo`. `line`: of /proc/<pid>/syscall, the number, six arguments, the stack pointer, the
// instruction pointer; -1 for the number, if it sleeps outside of a call (a page fault); or `running`.
inline void say_call(Text& out, TaskPath& path, std::string_view line) {
  constexpr std::size_t kMostOfTarget = 120;  // the end of a long path says more than its beginning
  std::uint64_t number = 0;
  if (!parse_number(word_of(line, 0), 0xffff, number)) {
    out << "waiting";
    return;
  }
  // A 32-bit program has other numbers, and its stack lies low.
  const bool is_64_bit = word_of(line, 7).size() > std::string_view("0x12345678").size();
  const CallName call = find_call(is_64_bit ? number : ~number);
  out << call.name;
  if (*call.name == '\0') out << "system call " << number;
  if (!call.takes_descriptor) return;
  const std::uint64_t fd = hexadecimal(word_of(line, 1));
  out << " of fd " << fd;
  char target[512];
  const std::string_view link = read_link(path.of_descriptor(fd), target, sizeof target);
  if (!link.empty())
    (out << " -> ").printable(tail(link, link.size() > kMostOfTarget ? link.size() - kMostOfTarget : 0));
}

}  // namespace detail

// Says where `task` is, if it is somewhere (not where it is stopped), and returns its state, of /proc/<pid>/stat. NUL
// and not a word, if it is not that task any more or there is no /proc.
inline char say_kernel_place(Text& out, const Task& task) {
  detail::TaskPath path(task);
  char stat_buffer[1024];
  const std::string_view stat = read_small_file(path.of("stat"), stat_buffer, sizeof stat_buffer);
  const std::string_view state = stat_field(stat, 3);
  const char letter = state.empty() ? '\0' : state[0];
  char buffer[256];
  char line[kKernelPlaceBytes];
  Text text(line);
  if (letter == 'S' || letter == 'D') {
    detail::say_call(text, path, read_small_file(path.of("syscall"), buffer, sizeof buffer));
    const std::string_view channel = read_small_file(path.of("wchan"), buffer, sizeof buffer);
    if (channel.size() > 1) (text << " (").printable(channel == "do_freezer_trap" ? "frozen" : channel) << ')';
  } else if (letter == 'R') {
    // `17 (name) R`: the thread's name, where the program gave it one.
    (text << "running in ").printable(tail(head(stat, stat.rfind(')')), stat.find('(') + 1));
  }
  // Asked at the end: then all that was read between was of this task.
  if (task.start_ticks == 0 || start_ticks(path.of("stat")) != task.start_ticks) return '\0';
  out << text.view();
  return letter;
}

}  // namespace shm_liveness
