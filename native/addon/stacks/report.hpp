// What a look has found, made into text and written into the region.
#pragma once

#include "look.hpp"

namespace shm_liveness::addon::stacks {

class Reporter {
 public:
  void report(Work& work);

 private:
  void report_stack();
  void report_no_frame();
  void report_native();
  void write_native(std::string_view text);
  void ask_for_map(std::uint64_t report, int script_id, std::string_view place);
  std::uint64_t begin_report();
  void write_stall(std::uint64_t report, const Place* places, std::uint32_t count);
  void write_cycle(std::uint64_t report, std::string_view place);
  WhereKind kind_of(bool is_below_native) const;
  std::string_view working_directory();

  Work* work_ = nullptr;
  std::uint64_t last_report_ = 0;
  char directory_[kMostPathBytes];
  Mapper mapper_;
};

}  // namespace shm_liveness::addon::stacks
