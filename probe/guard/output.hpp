// The command's output on its way through: a pipe, and the guard's own stream behind it. Byte by byte as it came, in
// its order, and no faster than its reader takes it: what finds no room stays in the pipe, and there the command waits.
//
// Why no call blocks: the guard's end of the pipe is its own open file and has O_NONBLOCK, so read() does; splice()
// from pipe to pipe has SPLICE_F_NONBLOCK; writes are the Outlet's. FIONREAD and fcntl() wait for nothing. What remains
// is the mutex of the pipe, see there: a command that writes from memory whose pages do not come holds it meanwhile.
#pragma once

#include "log.hpp"
#include "loop.hpp"

namespace shm_liveness::guard {

class Output {
 public:
  // `counted`: the bytes are copied through a buffer, so that the guard may put lines of its own between the command's.
  // Otherwise the kernel moves what is much from pipe to pipe, where it can. -errno, or 0.
  int open(Loop& loop, int target, bool counted) {
    loop_ = &loop;
    int ends[2];
    if (const int error = os::make_pipe(ends); error < 0) return error;
    inlet_ = ends[1];
    os::set_flags(ends[0], os::flags_of(ends[0]) | sys::kNonBlock);
    os::set_pipe_size(inlet_, kPipeBytes);  // fewer turns; refused to some users, and then it stays as it is
    outlet_.open(target);
    may_splice_ = !counted && outlet_.takes_splices();
    source_ = {ends[0], [](void* self, std::uint32_t) { static_cast<Output*>(self)->pump(); }, this, 0};
    const int error = loop.add(source_, os::kReadable);
    target_ = {outlet_.fd(), [](void* self, std::uint32_t events) { static_cast<Output*>(self)->hear(events); }, this,
               0};
    // A regular file cannot be waited for, and need not be.
    waits_ = loop.add(target_, 0) >= 0;
    return error;
  }

  // The end that the command gets.
  int inlet() const { return inlet_; }
  // Bytes that have come from the command.
  std::uint64_t received() const { return received_; }
  // Bytes that have gone out or are about to, the guard's own lines included; only of a counted output.
  std::uint64_t appended() const { return written_ + pending(); }
  bool is_broken() const { return is_broken_; }
  bool is_pending() const { return pending() != 0; }
  bool ends_in_line() const { return last_ == '\n'; }

  // Before another command gets the inlet: the one before may have made it non-blocking, and the flag stays with the
  // open pipe (Node.js does that).
  void reset() {
    if (inlet_ >= 0) os::set_flags(inlet_, os::flags_of(inlet_) & ~sys::kNonBlock);
  }

  // Remembers what is in the pipe now: the command has ended, and what its children write later is not waited for.
  void set_mark() { mark_ = appended() + (source_.fd >= 0 ? os::waiting_in(source_.fd) : 0); }
  // Whether all that was in the pipe at the mark has gone out, or can no longer.
  bool has_passed_mark() const { return is_broken_ || written_ >= mark_; }

  // A line of the guard's own, behind what has come so far. False: no room; only of a counted output.
  bool put(std::string_view line) {
    const std::size_t needed = line.size() + (ends_in_line() ? 0 : 1);
    if (is_broken_) return true;
    compact();
    if (sizeof buffer_ - end_ < needed) return false;
    if (!ends_in_line()) buffer_[end_++] = '\n';
    for (const char c : line) buffer_[end_++] = c;
    last_ = '\n';
    pump();
    return true;
  }

  void pump() {
    for (int i = 0; i < kMovesPerTurn; ++i) {
      if (!(splices_ && pending() == 0 ? splice_some() : copy_some())) break;
    }
  }

 private:
  static constexpr int kPipeBytes = 1 << 20;
  static constexpr std::size_t kMostCopied = 57344;  // by one read
  static constexpr std::size_t kReserve = 8192;      // kept free for the guard's own lines
  static constexpr int kMovesPerTurn = 8;            // then the watch gets its word

  std::size_t pending() const { return end_ - begin_; }
  void compact() {
    if (begin_ == 0) return;
    __builtin_memmove(buffer_, buffer_ + begin_, pending());
    end_ -= begin_;
    begin_ = 0;
  }

  // A spliced write keeps its page: sixteen lines of a few bytes would fill a pipe of 64 KiB, and a command that ends
  // beside a reader that does not read would wait for it. What is copied is packed by the kernel. So only a flood is
  // spliced.
  bool splice_some() {
    if (source_.fd < 0) return false;
    const long moved = os::splice(source_.fd, outlet_.fd(), kPipeBytes);
    if (moved > 0) {
      received_ += static_cast<std::uint64_t>(moved);
      written_ += static_cast<std::uint64_t>(moved);
      // Little was moved because little came, or because the reader is slow.
      splices_ = moved >= static_cast<long>(kMostCopied) || os::waiting_in(source_.fd) >= kMostCopied;
      wait_for_input();
      return true;
    }
    if (moved == -sys::kTryAgain) {
      // One word for two cases: nothing to move, or no room for it.
      splices_ = os::waiting_in(source_.fd) >= kMostCopied;
      if (!splices_) return true;
      wait_for_room();
      return false;
    }
    splices_ = false;
    if (moved == -sys::kInvalid) {
      may_splice_ = false;  // a file in append mode, say
      return true;
    }
    if (moved < 0 && moved != -sys::kInterrupted) break_off(static_cast<int>(-moved));
    return false;
  }

  // One read or one write. False: wait.
  bool copy_some() {
    if (pending() != 0) {
      const long wrote = outlet_.write(buffer_ + begin_, pending());
      if (wrote > 0) {
        begin_ += static_cast<std::size_t>(wrote);
        written_ += static_cast<std::uint64_t>(wrote);
        if (pending() == 0) begin_ = end_ = 0;
        return true;
      }
      if (wrote == -sys::kTryAgain || wrote == -sys::kInterrupted) {
        wait_for_room();
      } else {
        break_off(static_cast<int>(-wrote));
      }
      return false;
    }
    if (source_.fd < 0) return false;
    const long got = sys::read(source_.fd, buffer_, kMostCopied);
    if (got <= 0) {
      wait_for_input();
      return false;
    }
    end_ = static_cast<std::size_t>(got);
    splices_ = may_splice_ && end_ == kMostCopied;
    received_ += static_cast<std::uint64_t>(got);
    last_ = buffer_[end_ - 1];
    return true;
  }

  // The kernel says that a reader has gone also when nobody asked.
  void hear(std::uint32_t events) {
    if ((events & (os::kError | os::kHangUpEvent)) != 0) {
      break_off(os::kBrokenPipe);
    } else {
      pump();
    }
  }

  void wait_for_input() {
    if (waits_) loop_->wait_for(target_, 0);
    loop_->wait_for(source_, os::kReadable);
  }
  void wait_for_room() {
    loop_->wait_for(source_, 0);
    if (waits_) loop_->wait_for(target_, os::kWritable);
  }

  // The reader has gone. So goes our end of the pipe, and the command gets the SIGPIPE that it would get without us.
  // Any other error it cannot be told of, so it is said here.
  void break_off(int error) {
    if (is_broken_) return;
    if (error != os::kBrokenPipe) {
      Line line;
      line << "the command's output cannot be written, and is cut off: ";
      line.error(error);
    }
    is_broken_ = true;
    begin_ = end_ = 0;
    loop_->remove(source_);
    if (waits_) loop_->forget(target_);
  }

  Loop* loop_ = nullptr;
  Source source_;
  Source target_;
  Outlet outlet_;
  int inlet_ = -1;
  bool may_splice_ = false;
  bool splices_ = false;  // more has come than one copy holds
  bool waits_ = false;
  bool is_broken_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t mark_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  char last_ = '\n';
  char buffer_[kMostCopied + kReserve];
};

}  // namespace shm_liveness::guard
