// One client of the server behind --listen, and what it may cost.
#pragma once

#include "loop.hpp"
#include "metrics.hpp"

namespace shm_liveness::guard {

inline constexpr std::size_t kMostConnections = 64;
inline constexpr std::size_t kMostHeadBytes = 4096;
inline constexpr std::uint64_t kRequestTimeNs = 5'000'000'000;  // from the first byte to the last; also of an answer
inline constexpr std::uint64_t kIdleTimeNs = 60'000'000'000;    // between requests

inline constexpr std::size_t kMostPieceBytes = 8192;  // of an answer

class Server;

// The connections' buffers, resident as far as they are used.
struct ServerRoom {
  char in[kMostConnections][kMostHeadBytes];
  char out[kMostConnections][kMostPieceBytes];
};

struct Connection {
  Source source;  // fd < 0: free
  Server* server = nullptr;
  std::uint64_t deadline_ns = 0;  // of the guard's running time
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
  MetricsCursor cursor;
  // Elsewhere, so that a look at all connections touches no page of theirs.
  char* in = nullptr;   // kMostHeadBytes
  char* out = nullptr;  // kMostPieceBytes

  bool is_idle() const { return in_size == 0 && out_size == 0 && !is_streaming; }
};

}  // namespace shm_liveness::guard
