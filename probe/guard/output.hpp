// The command's output on its way through: a pipe, and the guard's own stream behind it. Byte by byte as it came, in
// its order, and no faster than its reader takes it: what finds no room stays in the pipe, and there the command waits.
//
// Each step gets a pipe of its own, which tells whose bytes come. A process that an earlier step left running still
// writes into that step's pipe. Its bytes go out behind those of the running step, and are no sign of its life.
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
    counted_ = counted;
    outlet_.open(target);
    may_splice_ = !counted && outlet_.takes_splices();
    const int error = open_pipe(inflow_);
    if (error < 0) return error;
    target_ = {outlet_.fd(), [](void* self, std::uint32_t events) { static_cast<Output*>(self)->hear(events); }, this,
               0};
    // A regular file cannot be waited for, and need not be.
    waits_ = loop.add(target_, 0) >= 0;
    return error;
  }

  // The end that the command gets.
  int inlet() const { return inlet_; }
  // Bytes that have come from the command, and from what its earlier steps left running.
  std::uint64_t received() const { return received_; }
  // Of them those of the running command: only its own pipe is a sign of its life.
  std::uint64_t received_of_command() const { return received_ - left_received_; }
  // Bytes that have gone out or are about to, the guard's own lines included; only of a counted output.
  std::uint64_t appended() const { return written_ + pending(); }
  bool is_broken() const { return is_broken_; }
  bool is_pending() const { return pending() != 0; }
  bool ends_in_line() const { return last_ == '\n'; }

  // Before another command gets the inlet.
  void reset() {
    if (inlet_ < 0 || is_broken_) return;
    if (counted_ && renew()) return;
    // The one before may have made the pipe non-blocking, and the flag stays with the open pipe (Node.js does that).
    os::set_flags(inlet_, os::flags_of(inlet_) & ~sys::kNonBlock);
  }

  // Remembers what is in the pipes now: the command has ended, and what its children write later is not waited for.
  void set_mark() {
    due_ = 0;
    set_due(inflow_);
    for (std::size_t i = 0; i < left_count_; ++i) set_due(left_[i]);
    mark_ = appended();
  }
  // Whether all that was in the pipes at the mark has gone out, or can no longer.
  bool has_passed_mark() const { return is_broken_ || (due_ == 0 && written_ >= mark_); }

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

  // A pipe's end that is read here. At the end of another's life its bytes are due: those that were in it then.
  struct Inflow {
    Source source;
    std::uint64_t due = 0;
  };
  static constexpr std::size_t kMostLeft = 64;

  // On success the inlet is the new pipe's. -errno, or 0.
  int open_pipe(Inflow& inflow) {
    int ends[2];
    if (const int error = os::make_pipe(ends); error < 0) return error;
    os::set_flags(ends[0], os::flags_of(ends[0]) | sys::kNonBlock);
    os::set_pipe_size(ends[1], kPipeBytes);  // fewer turns; refused to some users, and then it stays as it is
    inflow.source = {ends[0], [](void* self, std::uint32_t) { static_cast<Output*>(self)->pump(); }, this, 0};
    inflow.due = 0;
    if (const int error = loop_->add(inflow.source, os::kReadable); error < 0) {
      sys::close(ends[0]);
      sys::close(ends[1]);
      inflow.source.fd = -1;
      return error;
    }
    inlet_ = ends[1];
    return 0;
  }
  // False: no pipe could be made, or too many are open already. Then the steps share the last one.
  bool renew() {
    if (left_count_ == kMostLeft) return false;
    const int inlet = inlet_;
    Inflow fresh;
    if (open_pipe(fresh) < 0) return false;
    move(inflow_, left_[left_count_++]);
    move(fresh, inflow_);
    // Without our end the pipe comes to its end once nobody holds it any more.
    sys::close(inlet);
    return true;
  }
  // The loop knows a source by its address.
  void move(Inflow& from, Inflow& to) {
    to = from;
    loop_->forget(from.source);
    if (to.source.waited_for != 0) loop_->add(to.source, to.source.waited_for);
  }
  void drop_left(std::size_t i) {
    loop_->remove(left_[i].source);
    --left_count_;
    if (i != left_count_) move(left_[left_count_], left_[i]);
  }

  void set_due(Inflow& inflow) {
    inflow.due = inflow.source.fd >= 0 ? os::waiting_in(inflow.source.fd) : 0;
    due_ += inflow.due;
  }
  void receive(Inflow& inflow, std::uint64_t bytes) {
    received_ += bytes;
    const std::uint64_t was_due = inflow.due < bytes ? inflow.due : bytes;
    if (was_due == 0) return;
    inflow.due -= was_due;
    due_ -= was_due;
    mark_ = appended();
  }

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
    if (inflow_.source.fd < 0) return false;
    const long moved = os::splice(inflow_.source.fd, outlet_.fd(), kPipeBytes);
    if (moved > 0) {
      written_ += static_cast<std::uint64_t>(moved);
      receive(inflow_, static_cast<std::uint64_t>(moved));
      // Little was moved because little came, or because the reader is slow.
      splices_ = moved >= static_cast<long>(kMostCopied) || os::waiting_in(inflow_.source.fd) >= kMostCopied;
      wait_for_input();
      return true;
    }
    if (moved == -sys::kTryAgain) {
      // One word for two cases: nothing to move, or no room for it.
      splices_ = os::waiting_in(inflow_.source.fd) >= kMostCopied;
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
    if (inflow_.source.fd < 0) return false;
    if (take(inflow_) > 0) return true;
    for (std::size_t i = 0; i < left_count_; ++i) {
      const long got = take(left_[i]);
      if (got == 0) {
        drop_left(i--);  // nobody holds it any more
      } else if (got > 0) {
        left_received_ += static_cast<std::uint64_t>(got);
        return true;
      }
    }
    wait_for_input();
    return false;
  }
  // Into the buffer, which is empty. Bytes, or what read(2) returns else.
  long take(Inflow& inflow) {
    const long got = sys::read(inflow.source.fd, buffer_, kMostCopied);
    if (got <= 0) return got;
    end_ = static_cast<std::size_t>(got);
    splices_ = may_splice_ && end_ == kMostCopied;
    last_ = buffer_[end_ - 1];
    receive(inflow, static_cast<std::uint64_t>(got));
    return got;
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
    loop_->wait_for(inflow_.source, os::kReadable);
    for (std::size_t i = 0; i < left_count_; ++i) {
      if (left_[i].source.waited_for == 0) loop_->add(left_[i].source, os::kReadable);
    }
  }
  void wait_for_room() {
    loop_->wait_for(inflow_.source, 0);
    // Taken out of the loop: epoll reports the end of a pipe again and again, even if no event is waited for.
    for (std::size_t i = 0; i < left_count_; ++i) {
      if (left_[i].source.waited_for == 0) continue;
      loop_->forget(left_[i].source);
      left_[i].source.waited_for = 0;
    }
    if (waits_) loop_->wait_for(target_, os::kWritable);
  }

  // The reader has gone. So goes our end of the pipes, and the command gets the SIGPIPE that it would get without us.
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
    loop_->remove(inflow_.source);
    while (left_count_ != 0) loop_->remove(left_[--left_count_].source);
    if (waits_) loop_->forget(target_);
  }

  Loop* loop_ = nullptr;
  Inflow inflow_;           // of the running command
  Inflow left_[kMostLeft];  // of earlier steps, as long as somebody holds them
  std::size_t left_count_ = 0;
  Source target_;
  Outlet outlet_;
  int inlet_ = -1;
  bool counted_ = false;
  bool may_splice_ = false;
  bool splices_ = false;  // more has come than one copy holds
  bool waits_ = false;
  bool is_broken_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t left_received_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t due_ = 0;   // of what was in the pipes at the mark: not read yet
  std::uint64_t mark_ = 0;  // where the last of it ends, in what is written
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  char last_ = '\n';
  char buffer_[kMostCopied + kReserve];
};

}  // namespace shm_liveness::guard
