// The server behind --listen: a bounded number of connections, each with a bounded head and a bounded time. It takes a
// few events a turn, and never waits: a slow or hostile client costs a slot of this table and nothing else.
//
// Why no call blocks: the listener and all connections have O_NONBLOCK, so accept4(), read() and sendmsg() return
// -EAGAIN. A connection that was reset while it waited to be accepted is the same case. shutdown() and close() do not
// wait for the other side, because no socket here has SO_LINGER. The rest (setsockopt, epoll_ctl, madvise) takes locks
// that nobody holds while they wait for something.
#pragma once

#include "listening.hpp"
#include "pages.hpp"
#include "places.hpp"

namespace shm_liveness::guard {

class Server {
 public:
  Server(Loop& loop, Watch& watch, Counts& counts, ServerRoom& room)
      : loop_(loop), watch_(watch), counts_(counts), places_(room) {}

  // `descriptors`: how many the guard may have open. -errno, or 0.
  int open(const Address& address, std::uint64_t descriptors) {
    places_.open(descriptors < kOwnDescriptors ? 0 : descriptors - kOwnDescriptors);
    const int fd = listening_socket(address);
    if (fd < 0) return fd;
    listener_ = {fd, [](void* self, std::uint32_t) { static_cast<Server*>(self)->accept(); }, this, 0};
    return loop_.add(listener_, os::kReadable);
  }

  bool has_connections() const { return places_.taken() != 0 || !listens_; }

  // At every look: whoever is beyond its time goes.
  void expire() {
    if (places_.taken() == 0 && listens_) return;
    listen_again();
    const std::uint64_t now_ns = watch_.running_ns();
    const bool is_pressed = places_.is_full();
    for (Connection& connection : places_) {
      if (connection.source.fd < 0) continue;
      const bool is_slow =
          is_pressed && connection.doing() == Doing::asking && now_ns > connection.asks_since_ns + kPressedTimeNs;
      if (is_slow || now_ns > connection.deadline_ns) end_late(connection);
    }
  }

 private:
  // What the guard needs beside connections: streams, pipes, sockets, regions, what a start and the record take.
  static constexpr std::uint64_t kOwnDescriptors = 48;
  // Bounds of what is done before the watch gets its word again; the rest comes in the next turn.
  static constexpr int kAcceptsPerTurn = 4;
  static constexpr int kStepsPerEvent = 4;

  // --- newcomers

  void listen_again() {
    if (listens_ || listener_.fd < 0) return;
    listens_ = true;
    loop_.wait_for(listener_, os::kReadable);
  }
  // Newcomers wait in the kernel's queue meanwhile.
  void pause_listening() {
    listens_ = false;
    loop_.wait_for(listener_, 0);
  }

  void accept() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      os::InternetAddress6 from{};
      const int fd = os::accept(listener_.fd, from);
      if (fd < 0) {
        if ((fd == -os::kTooManyFiles || fd == -os::kTooManyFilesOfAll) && places_.taken() != 0) {
          // The kernel looks for a descriptor before it looks into the queue. So only the first time is it certain that
          // a newcomer waits, who gets that of the victim.
          if (i != 0) return;
          close(places_.victim());
          continue;
        }
        // No descriptors or no memory left: looked at again at the next look, not in every turn.
        if (fd != -sys::kTryAgain && fd != -os::kAborted && fd != -sys::kInterrupted) pause_listening();
        return;
      }
      if (places_.is_full()) close(places_.victim());
      welcome(places_.take(), fd, client_of(from));
    }
  }

  void welcome(Connection& connection, int fd, const Client& client) {
    watch_.refresh();  // also for the clock that its deadline is set by
    os::set_option(fd, os::kTcpLevel, os::kNoDelay, 1);
    connection.source = {fd,
                         [](void* self, std::uint32_t) {
                           auto* own = static_cast<Connection*>(self);
                           own->server->serve(*own);
                         },
                         &connection, 0};
    connection.server = this;
    connection.in_size = connection.out_begin = connection.out_size = 0;
    connection.has_asked = connection.closes = connection.lingers = connection.is_streaming = false;
    connection.client = client;
    await_request(connection);
    if (loop_.add(connection.source, os::kReadable) < 0) return close(connection);
    serve(connection);  // the request is often there already
  }

  void close(Connection& connection) {
    loop_.remove(connection.source);
    connection.in_size = connection.out_size = 0;
    places_.give_back();
    listen_again();
  }

  // --- one connection

  // A few steps: send what there is, make the next piece, answer the next request, read.
  void serve(Connection& connection) {
    for (int i = 0; i < kStepsPerEvent; ++i) {
      if (connection.lingers) return drain(connection);
      if (connection.out_size != 0) {
        if (!send(connection)) return;
      } else if (connection.is_streaming) {
        fill(connection);
      } else if (connection.closes) {
        finish(connection);
      } else if (!answer_next(connection) && !read(connection)) {
        return;
      }
    }
    loop_.wait_for(connection.source, os::kReadable | os::kWritable);  // there may be more to do: comes at once
  }

  // False: waits for room, or is gone.
  bool send(Connection& connection) {
    os::Chunk chunk{connection.out + connection.out_begin, connection.out_size};
    const os::MessageHeader message{nullptr, 0, &chunk, 1, nullptr, 0, 0};
    const long sent = os::send(connection.source.fd, message, os::kNoSignal);
    if (sent == -sys::kTryAgain || sent == -sys::kInterrupted) {
      loop_.wait_for(connection.source, os::kWritable);
      return false;
    }
    if (sent < 0) {
      close(connection);
      return false;
    }
    connection.last_use = ++uses_;
    const std::uint64_t until_ns = watch_.running_ns() + kProgressTimeNs;
    connection.deadline_ns = until_ns < connection.answer_until_ns ? until_ns : connection.answer_until_ns;
    connection.out_begin += static_cast<std::size_t>(sent);
    connection.out_size -= static_cast<std::size_t>(sent);
    if (connection.out_size == 0) connection.out_begin = 0;
    return true;
  }

  // False: waits for the rest, or is gone.
  bool read(Connection& connection) {
    const std::size_t room = kMostHeadBytes - connection.in_size;
    const long got = sys::read(connection.source.fd, connection.in + connection.in_size, room);
    if (got == -sys::kTryAgain || got == -sys::kInterrupted) {
      loop_.wait_for(connection.source, os::kReadable);
      if (connection.is_idle()) idle(connection);
      return false;
    }
    if (got <= 0) {
      close(connection);
      return false;
    }
    if (connection.in_size == 0) await_request(connection);
    connection.in_size += static_cast<std::size_t>(got);
    return true;
  }

  void await_request(Connection& connection) {
    connection.last_use = ++uses_;
    connection.asks_since_ns = watch_.running_ns();
    connection.deadline_ns = connection.asks_since_ns + kRequestTimeNs;
  }

  void idle(Connection& connection) {
    if (connection.last_use != connection.idles_since) {
      connection.idles_since = connection.last_use;
      // A newcomer that has sent nothing yet owes a request; who has had an answer may think about the next.
      if (connection.has_asked) connection.deadline_ns = watch_.running_ns() + kIdleTimeNs;
    }
    listen_again();
  }

  // Answers the first request in the buffer; a client may send several before it reads. False: it is not whole yet.
  bool answer_next(Connection& connection) {
    Request request;
    switch (parse_request({connection.in, connection.in_size}, request)) {
      case Parsed::incomplete:
        if (connection.in_size != kMostHeadBytes) return false;
        refuse(connection, 431, "the request's head is longer than 4096 bytes\n");
        return true;
      case Parsed::bad:
        refuse(connection, 400, "this is no HTTP/1 request\n");
        return true;
      case Parsed::whole:
        break;
    }
    answer(connection, request);
    connection.in_size -= request.bytes;
    __builtin_memmove(connection.in, connection.in + request.bytes, connection.in_size);
    return true;
  }

  void answer(Connection& connection, const Request& request) {
    watch_.refresh();
    ++counts_.requests;
    connection.has_asked = true;
    await_taking(connection);
    connection.closes = !request.keeps_alive;
    if (request.target == "/metrics" && (request.is_get || request.is_head)) return begin_metrics(connection, request);
    char body[1024];
    Text text(body);
    const Page page = page_of(watch_, request, text);
    Text out(connection.out, kMostPieceBytes);
    say_head(out, page, request.is_1_1, request.keeps_alive, static_cast<std::int64_t>(page.body.size()));
    if (!request.is_head) out << page.body;
    connection.out_size = out.size();
  }

  void await_taking(Connection& connection) {
    connection.last_use = ++uses_;
    connection.deadline_ns = watch_.running_ns() + kProgressTimeNs;
    connection.answer_until_ns = watch_.running_ns() + kAnswerTimeNs;
    connection.asks_since_ns = watch_.running_ns();  // of the next request, which may have begun already
  }

  void begin_metrics(Connection& connection, const Request& request) {
    const Page page{200, "text/plain; version=0.0.4; charset=utf-8"};
    // Without chunks the end of the body is the end of the connection.
    connection.closes = connection.closes || !request.is_1_1;
    connection.is_chunked = request.is_1_1;
    Text out(connection.out, kMostPieceBytes);
    say_head(out, page, request.is_1_1, !connection.closes, -1);
    connection.out_size = out.size();
    connection.is_streaming = request.is_get;
    connection.cursor = {};
  }

  void refuse(Connection& connection, int status, std::string_view body) {
    const Page page{status, Page{}.type, body};
    Text out(connection.out, kMostPieceBytes);
    say_head(out, page, true, false, static_cast<std::int64_t>(body.size()));
    out << body;
    connection.out_begin = 0;
    connection.out_size = out.size();
    connection.closes = true;
    connection.in_size = 0;
    await_taking(connection);
  }

  // One more piece of /metrics into the empty buffer, with its length before it if it is a chunk.
  void fill(Connection& connection) {
    constexpr std::size_t kChunkHead = 6;  // four hexadecimal digits and CRLF
    Text piece(connection.out + kChunkHead, MetricsCursor::kMostBytes);
    while (piece.size() == 0 && !connection.cursor.is_at_end()) connection.cursor.next(watch_, counts_, piece);
    connection.is_streaming = !connection.cursor.is_at_end();
    connection.out_begin = kChunkHead;
    connection.out_size = piece.size();
    if (!connection.is_chunked) return;
    Text tail(connection.out + kChunkHead + piece.size(), 16);
    if (piece.size() != 0) {
      constexpr char kDigits[] = "0123456789abcdef";
      for (std::size_t i = 0; i < 4; ++i) connection.out[i] = kDigits[piece.size() >> (12 - 4 * i) & 15];
      connection.out[4] = '\r';
      connection.out[5] = '\n';
      connection.out_begin = 0;
      connection.out_size += kChunkHead;
      tail << "\r\n";
    }
    if (!connection.is_streaming) tail << "0\r\n\r\n";
    connection.out_size += tail.size();
  }

  // Closing with unread input would reset the connection, and could take the answer along: so only our side is closed,
  // and the client has until its deadline to close its own.
  void finish(Connection& connection) {
    os::finish_sending(connection.source.fd);
    connection.lingers = true;
    connection.deadline_ns = watch_.running_ns() + kRequestTimeNs;
    listen_again();
  }
  void drain(Connection& connection) {
    loop_.wait_for(connection.source, os::kReadable);
    const long got = sys::read(connection.source.fd, connection.in, kMostHeadBytes);
    if (got == -sys::kTryAgain || got == -sys::kInterrupted || got > 0) return;
    close(connection);
  }

  void end_late(Connection& connection) {
    const bool owes_a_request = connection.in_size != 0 && connection.out_size == 0 && !connection.is_streaming;
    if (!owes_a_request || connection.lingers) return close(connection);
    refuse(connection, 408, "the request did not come to its end in time\n");
    serve(connection);
  }

  Loop& loop_;
  Watch& watch_;
  Counts& counts_;
  Source listener_;
  Places places_;
  std::uint64_t uses_ = 0;
  bool listens_ = true;
};

}  // namespace shm_liveness::guard
