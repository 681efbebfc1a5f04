// Memory straight from the kernel, which goes back to it at once: a source map of megabytes is used for milliseconds,
// and no heap shall grow by it.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "shm_liveness/sys.hpp"

namespace shm_liveness::addon::stacks {

class Pages {
 public:
  Pages() = default;
  Pages(Pages&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_), used(other.used) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    std::swap(used, other.used);
    return *this;
  }
  ~Pages() {
    if (memory_ != nullptr) sys::unmap(memory_, bytes_);
  }

  bool reserve(std::size_t bytes) {
    *this = Pages();
    void* const memory =
        sys::map(nullptr, bytes, sys::kProtRead | sys::kProtWrite, sys::kMapPrivate | sys::kMapAnonymous, -1);
    if (sys::failed(memory)) return false;
    memory_ = static_cast<char*>(memory);
    bytes_ = bytes;
    return true;
  }
  char* data() const { return memory_; }
  std::string_view view() const { return {memory_, used}; }

 private:
  char* memory_ = nullptr;
  std::size_t bytes_ = 0;

 public:
  std::size_t used = 0;
};

}  // namespace shm_liveness::addon::stacks
