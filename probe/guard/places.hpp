// The places for clients of the server behind --listen: who gets one when all are taken, and the memory of their
// buffers.
#pragma once

#include "connection.hpp"

namespace shm_liveness::guard {

class Places {
 public:
  explicit Places(ServerRoom& room) {
    for (std::size_t i = 0; i < kMostConnections; ++i) {
      connections_[i].in = room.in[i];
      connections_[i].out = room.out[i];
    }
  }

  // `descriptors`: how many there are for connections.
  void open(std::uint64_t descriptors) {
    if (descriptors < kMostConnections) most_ = descriptors > kLeastConnections ? descriptors : kLeastConnections;
    gives_rooms_back_ = has_small_pages();
  }

  std::size_t taken() const { return taken_; }
  bool is_full() const { return taken_ == most_; }
  Connection* begin() { return connections_; }
  Connection* end() { return connections_ + kMostConnections; }

  // A free place; there must be one. Its source is still to be set.
  Connection& take() {
    Connection& connection = free_one();
    ++taken_;
    if (!connection.has_used_room) ++used_rooms_;
    connection.has_used_room = true;
    return connection;
  }
  // One connection has been closed.
  void give_back() {
    --taken_;
    if (gives_rooms_back_ && used_rooms_ > kKeptRooms && 4 * taken_ <= used_rooms_) give_rooms_back();
  }

  // Whose place a newcomer gets when all are taken. A client is an address, and the one with the most places gives one
  // up: so a crowd of slow connections costs its own sender places, and never a probe of the kubelet's. Where all come
  // from one address (behind a proxy), a connection without a whole request gives way before any that is being
  // answered, the oldest first. A probe sends its request at once, so it has its answer long before its place would be
  // taken.
  Connection& victim() {
    Connection* victim = nullptr;
    std::size_t most = 0;
    for (Connection& connection : connections_) {
      if (connection.source.fd < 0) continue;
      const std::size_t held = held_by(connection.client);
      if (victim != nullptr && (held < most || (held == most && !connection.gives_way_before(*victim)))) continue;
      victim = &connection;
      most = held;
    }
    return *victim;
  }

 private:
  static constexpr std::size_t kLeastConnections = 4;
  // So many connections from localhost give way to nobody from elsewhere.
  static constexpr std::size_t kLocalPlaces = 8;
  static constexpr std::size_t kKeptRooms = 8;

  std::size_t held_by(const Client& client) const {
    std::size_t held = 0;
    for (const Connection& connection : connections_) {
      held += connection.source.fd >= 0 && connection.client.key == client.key ? 1 : 0;
    }
    return client.is_local && held <= kLocalPlaces ? 0 : held;
  }
  // The lowest, so that after a crowd the upper ones stay unused.
  Connection& free_one() {
    Connection* connection = connections_;
    while (connection->source.fd >= 0) ++connection;
    return *connection;
  }

  // Only whole pages go back to the kernel: where these are larger than ours, neighbours' buffers would go along. It
  // refuses an address between two pages, and of any two neighbouring small ones the one with this bit is that.
  bool has_small_pages() const {
    static_assert(kMostHeadBytes == kSmallPage && kMostPieceBytes % kSmallPage == 0);
    char* const first = connections_[0].in;
    const bool is_odd = (reinterpret_cast<std::uintptr_t>(first) & kSmallPage) != 0;
    return sys::advise(first + (is_odd ? 0 : kSmallPage), kSmallPage, os::kDontNeed) >= 0;
  }
  // After a crowd its buffers' memory goes back to the kernel.
  void give_rooms_back() {
    for (Connection& connection : connections_) {
      if (connection.source.fd >= 0 || !connection.has_used_room) continue;
      sys::advise(connection.in, kMostHeadBytes, os::kDontNeed);
      sys::advise(connection.out, kMostPieceBytes, os::kDontNeed);
      connection.has_used_room = false;
      --used_rooms_;
    }
  }

  Connection connections_[kMostConnections];
  std::size_t most_ = kMostConnections;
  std::size_t taken_ = 0;
  std::size_t used_rooms_ = 0;
  bool gives_rooms_back_ = false;
};

}  // namespace shm_liveness::guard
