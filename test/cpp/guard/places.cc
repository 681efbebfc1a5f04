// Who gets a place for a connection when all are taken.
#include "guard/places.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

namespace test_of_guard_places {

using namespace shm_liveness::guard;

namespace {

constexpr std::uint64_t kKubelet = 1, kCrowd = 2, kLocal = 3;

struct Table {
  explicit Table(std::uint64_t descriptors = kMostConnections) { places.open(descriptors); }

  Connection& welcome(std::uint64_t client, bool is_local = false) {
    Connection& connection = places.take();
    connection.source.fd = 1000;  // nothing is read or written here
    connection.client = {client, is_local};
    connection.last_use = ++uses;
    return connection;
  }
  void fill(std::uint64_t client, bool is_local = false) {
    while (!places.is_full()) welcome(client, is_local);
  }

  std::unique_ptr<ServerRoom> room = std::make_unique<ServerRoom>();
  Places places{*room};
  std::uint64_t uses = 0;
};

}  // namespace

TEST_CASE("the client with the most places gives one up, however long another's connection has rested") {
  Table table;
  const Connection& probe = table.welcome(kKubelet);
  table.fill(kCrowd);
  CHECK(table.places.victim().client.key == kCrowd);
  CHECK(&table.places.victim() != &probe);
}

TEST_CASE("up to eight connections from localhost give way to nobody, and more of them do") {
  Table table;
  for (int i = 0; i < 8; ++i) table.welcome(kLocal, true);
  // Each of the others has one place: fewer than localhost, and still it is they who give way.
  for (std::uint64_t client = 100; !table.places.is_full(); ++client) table.welcome(client);
  CHECK_FALSE(table.places.victim().client.is_local);

  Table crowded;
  for (int i = 0; i < 9; ++i) crowded.welcome(kLocal, true);
  for (std::uint64_t client = 100; !crowded.places.is_full(); ++client) crowded.welcome(client);
  CHECK(crowded.places.victim().client.is_local);
}

TEST_CASE("of one client a connection that rests goes first, then one without a whole request, the oldest first") {
  Table table;
  Connection& answering = table.welcome(kCrowd);
  answering.out_size = 1;
  Connection& asking = table.welcome(kCrowd);
  asking.in_size = 1;
  table.fill(kCrowd);
  for (Connection& connection : table.places) {
    if (&connection == &answering || &connection == &asking) continue;
    connection.has_asked = true;  // it has had its answer
  }
  Connection& rested = table.places.victim();
  CHECK(rested.doing() == Doing::resting);
  CHECK(rested.last_use == 3);
  for (Connection& connection : table.places) {
    if (&connection != &asking) connection.out_size = 1;
  }
  CHECK(&table.places.victim() == &asking);
}

TEST_CASE("few descriptors make few places, but never fewer than four") {
  Table table(10);
  table.fill(kCrowd);
  CHECK(table.places.taken() == 10);
  Table none(0);
  none.fill(kCrowd);
  CHECK(none.places.taken() == 4);
}

}  // namespace test_of_guard_places
