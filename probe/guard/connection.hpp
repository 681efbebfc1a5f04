// One client of the server behind --listen, and what it may cost.
#pragma once

#include "address.hpp"
#include "loop.hpp"
#include "metrics.hpp"

namespace shm_liveness::guard {

inline constexpr std::size_t kMostConnections = 64;
inline constexpr std::size_t kMostHeadBytes = 4096;
inline constexpr std::uint64_t kRequestTimeNs = 5'000'000'000;   // from a request's first byte to the end of its head
inline constexpr std::uint64_t kPressedTimeNs = 1'000'000'000;   // the same while no place is free
inline constexpr std::uint64_t kProgressTimeNs = 5'000'000'000;  // until the client takes more of its answer
inline constexpr std::uint64_t kAnswerTimeNs = 60'000'000'000;   // until it has taken all
inline constexpr std::uint64_t kIdleTimeNs = 60'000'000'000;     // between requests

inline constexpr std::size_t kMostPieceBytes = 8192;  // of an answer

class Server;

// The connections' buffers, resident as far as they are used; on pages of their own, so that these can be given back.
inline constexpr std::size_t kSmallPage = 4096;
struct alignas(kSmallPage) ServerRoom {
  char in[kMostConnections][kMostHeadBytes];
  char out[kMostConnections][kMostPieceBytes];
};

// In the order in which a place is given to a newcomer.
enum class Doing : std::uint8_t {
  resting,    // it has had its answer
  asking,     // its request is not whole yet
  answering,  // it does not take its answer at once
};

struct Connection {
  Source source;  // fd < 0: free
  Server* server = nullptr;
  Client client;
  std::uint64_t deadline_ns = 0;  // of the guard's running time
  std::uint64_t asks_since_ns = 0;
  std::uint64_t answer_until_ns = 0;
  std::uint64_t last_use = 0;     // counts all uses of all connections
  std::uint64_t idles_since = 0;  // the use since which it idles
  std::size_t in_size = 0;
  std::size_t out_begin = 0;
  std::size_t out_size = 0;
  bool has_asked = false;
  bool closes = false;   // after what is to be sent
  bool lingers = false;  // sent and shut down: waits for the client's end, so that it can read the answer
  bool is_streaming = false;
  bool is_chunked = false;
  bool has_used_room = false;  // its buffers may be resident
  MetricsCursor cursor;
  // Elsewhere, so that a look at all connections touches no page of theirs.
  char* in = nullptr;   // kMostHeadBytes
  char* out = nullptr;  // kMostPieceBytes

  bool is_idle() const { return in_size == 0 && out_size == 0 && !is_streaming; }
  Doing doing() const {
    if (out_size != 0 || is_streaming) return Doing::answering;
    return lingers || (has_asked && in_size == 0) ? Doing::resting : Doing::asking;
  }
  bool gives_way_before(const Connection& other) const {
    return doing() != other.doing() ? doing() < other.doing() : last_use < other.last_use;
  }
};

}  // namespace shm_liveness::guard
