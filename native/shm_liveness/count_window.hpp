// Two pages at an address that never changes, for a writer that must not meet a page that is gone: the code that V8
// compiles for a counted beat. It adds to words of one array and knows nothing of claims, stops and lost regions.
//
//   0               page                 2 * page
//   +-------+- - - -+- - - - - - - - - - +
//   | index |       | the slot's page    |    index: of the count, in words from 0. 0: there is nothing to add to
//   +-------+- - - -+- - - - - - - - - - +
//
// The second page is the region's page in which the slot's Hot lies, or an anonymous one: show() and hide() replace one
// by the other in one system call, so that a store never finds a hole. A region that is cut short is a SIGBUS there as
// anywhere (truncation.hpp), and the store is repeated on a page of zeroes. So whatever becomes of the claim, a late
// store lands in this window's own memory. The window is unmapped when nothing can reach its array any more.
//
// A forked child reads index 0, because the kernel wipes the first page, and does not inherit the second.
#pragma once

#include "claim.hpp"

namespace shm_liveness {

class CountWindow {
 public:
  // `page_bytes`: the size of a page of this machine.
  explicit CountWindow(std::size_t page_bytes) : page_bytes_(page_bytes) {
    void* memory =
        sys::map(nullptr, bytes(), sys::kProtRead | sys::kProtWrite, sys::kMapPrivate | sys::kMapAnonymous, -1);
    if (sys::failed(memory)) return;
    memory_ = static_cast<std::uint8_t*>(memory);
    sys::advise(memory_, page_bytes_, sys::kWipeOnFork);
  }
  CountWindow(const CountWindow&) = delete;
  CountWindow& operator=(const CountWindow&) = delete;
  ~CountWindow() {
    truncation::unwatch(watched_);
    if (memory_ != nullptr) sys::unmap(memory_, inherited_ ? page_bytes_ : bytes());
  }

  // Null: there was no memory.
  void* memory() const { return memory_; }
  std::size_t bytes() const { return 2 * page_bytes_; }

  // Shows the count of this claim. `stamping` becomes null if the region is cut short. Without memory for it the window
  // stays hidden.
  void show(const Claim& claim, Shared<Hot*>* stamping) {
    hide();
    const auto at = reinterpret_cast<const std::uint8_t*>(&claim.bank().hot.count) - claim.region.memory;
    const std::size_t in_page = static_cast<std::size_t>(at) % page_bytes_;
    void* page = sys::map(second_page(), page_bytes_, sys::kProtRead | sys::kProtWrite,
                          sys::kMapShared | sys::kMapFixed, claim.region.fd, static_cast<std::size_t>(at) - in_page);
    if (sys::failed(page)) return;
    // As the region itself: a mapping keeps its open file, and so the lock.
    sys::advise(page, page_bytes_, sys::kDontFork);
    watched_ = truncation::watch(page, page_bytes_);
    if (watched_ != nullptr) watched_->stamping.store_release(stamping);
    shown_ = static_cast<std::uint32_t>((page_bytes_ + in_page) / sizeof(std::uint32_t));
  }
  void hide() {
    disarm();
    if (shown_ == 0) return;
    shown_ = 0;
    truncation::unwatch(watched_);
    watched_ = nullptr;
    // Fails only without memory, and then the page stays the region's: nobody adds to it any more.
    sys::map(second_page(), page_bytes_, sys::kProtRead | sys::kProtWrite,
             sys::kMapPrivate | sys::kMapAnonymous | sys::kMapFixed, -1);
  }

  // Whether the next beat may add to the count, or must ask first. Any thread may disarm.
  void arm() { index().store_release(shown_); }
  void disarm() {
    if (memory_ != nullptr) index().store_release(0);
  }
  bool is_lost() const { return truncation::is_lost(watched_); }

  // In a forked child: the second page is not there, and its addresses may be somebody else's by now.
  void let_go() {
    disarm();
    truncation::unwatch(watched_);
    watched_ = nullptr;
    shown_ = 0;
    inherited_ = true;
  }

 private:
  std::uint8_t* second_page() const { return memory_ + page_bytes_; }
  Word32& index() { return *reinterpret_cast<Word32*>(memory_); }

  std::size_t page_bytes_;
  std::uint8_t* memory_ = nullptr;
  truncation::Watched* watched_ = nullptr;
  std::uint32_t shown_ = 0;  // the count's index; 0: hidden
  bool inherited_ = false;
};

}  // namespace shm_liveness
