// What the guard says on standard error: whole lines, and never at the price of the watch.
#pragma once

#include "../../native/shm_liveness/text.hpp"
#include "../program.hpp"
#include "outlet.hpp"

namespace shm_liveness::guard {

// errno in words, for messages; the number where there is none.
inline Text& say_error(Text& out, int error) {
  struct Word {
    int error;
    const char* text;
  };
  constexpr Word kWords[] = {{sys::kNotPermitted, "not permitted"},
                             {sys::kNoEntry, "no such file or directory"},
                             {os::kTooBig, "argument list too long"},
                             {os::kNoExec, "no executable format of this machine"},
                             {sys::kTryAgain, "no room for it now"},
                             {sys::kNoMemory, "out of memory"},
                             {sys::kAccess, "permission denied"},
                             {sys::kNotDirectory, "not a directory"},
                             {sys::kIsDirectory, "is a directory"},
                             {sys::kInvalid, "invalid"},
                             {os::kTooManyFiles, "too many open files"},
                             {os::kTextBusy, "is being written"},
                             {sys::kNoSpace, "no space left"},
                             {30, "read-only file system"},
                             {os::kNameTooLong, "name too long"},
                             {sys::kLoop, "too many symbolic links"},
                             {os::kBrokenPipe, "its reader has gone"},
                             {os::kAddressInUse, "address in use"},
                             {os::kRefused, "connection refused"},
                             {sys::kExists, "another file has that name"},
                             {os::kAddressNotAvailable, "no such address here"}};
  for (const Word& word : kWords) {
    if (word.error == error) return out << word.text;
  }
  return out << "errno " << error;
}

// One line, written when it goes out of scope. A reader of standard error that does not read must not stop the watch:
// a line that finds no room is dropped or cut, and the next that finds some says how many were.
class Line {
 public:
  Line() = default;
  ~Line() { write(); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // Before descriptors may become scarce. A line that comes earlier does it itself.
  static void open() {
    if (!g_outlet.is_open()) g_outlet.open(os::kStandardError);
  }
  // From now on lines go to `take`, without their end.
  static void divert(void (*take)(void* owner, std::string_view line), void* owner) {
    g_take = take;
    g_owner = owner;
  }

  template <class T>
  Line& operator<<(const T& value) {
    text_ << value;
    return *this;
  }
  Line& printable(std::string_view text) {
    text_.printable(text);
    return *this;
  }
  Line& error(int error) {
    say_error(text_, error);
    return *this;
  }

 private:
  void write() {
    text_.cut(sizeof buffer_ - 128);
    if (g_take != nullptr) return g_take(g_owner, text_.view());
    open();
    char whole[sizeof buffer_ + 16];
    Text out(whole);
    if (g_is_cut) out << '\n';
    out << "shm-guard: " << text_.view();
    if (g_dropped != 0) out << " (" << g_dropped << " lines before it found no reader)";
    out << '\n';
    const long wrote = g_outlet.write(whole, out.size());
    if (wrote <= 0) {
      ++g_dropped;
      return;
    }
    // A terminal or a socket takes what it has room for.
    g_is_cut = static_cast<std::size_t>(wrote) < out.size();
    g_dropped = g_is_cut ? g_dropped + 1 : 0;
  }

  static inline Outlet g_outlet;
  static inline bool g_is_cut = false;  // the last one had no end
  static inline std::uint32_t g_dropped = 0;
  static inline void (*g_take)(void*, std::string_view) = nullptr;
  static inline void* g_owner = nullptr;
  char buffer_[1024];
  Text text_{buffer_};
};

}  // namespace shm_liveness::guard
