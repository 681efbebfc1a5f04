// What the listener of a heartbeat hears.
#pragma once

#include <shm_liveness/heartbeat.hpp>

namespace shm_liveness::real {

// What a worker was told of the loss of its region.
struct Told {
  explicit Told(Heartbeat& heartbeat) {
    heartbeat.listen_for_loss(
        [](void* self, const detail::Held& held, Fault lost) {
          auto& told = *static_cast<Told*>(self);
          ++told.times;
          told.lost = lost;
          told.superseded = held.is_superseded;
        },
        this);
  }
  int times = 0;
  Fault lost = Fault::none;
  bool superseded = false;
};

}  // namespace shm_liveness::real
