// A task of a mesh, for one thread: members, each of which asks others of them.
//
//   lane.drain();          // what is queued of earlier tasks
//   lane.ask(cancel);      // every member sends to each that it asks, and takes what comes back meanwhile
//   lane.settle(cancel);   // takes what is still on its way
//
// A raw ICMP socket is given replies and requests alike (net/ipv4/icmp.c, raw_local_deliver before icmp_rcv): so a pair
// is proved at both ends. Threads: a lane is for one thread; lanes of different threads share the matrix.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/mesh.h"
#include "harness/probe/payload.h"
#include "harness/probe/receive_batch.h"
#include "harness/probe/socket_address.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::probe {

// What is known of each ordered pair. For several threads, but for set_done: each is at pairs of its own, but a late
// packet of another's pair may come to it.
class MeshMatrix {
 public:
  enum Mark : std::uint8_t { kOnce = 1, kTwice = 2, kWrong = 4, kRefused = 8 };
  using Cell = std::atomic<std::uint8_t>;
  explicit MeshMatrix(std::size_t members)
      : members_(members), at_sender_(members * members), at_receiver_(members * members), done_(members * members) {}

  std::size_t members() const { return members_; }
  Cell& at_sender(std::uint32_t from, std::uint32_t to) { return at_sender_[from * members_ + to]; }
  Cell& at_receiver(std::uint32_t from, std::uint32_t to) { return at_receiver_[from * members_ + to]; }
  bool is_answered(std::uint32_t from, std::uint32_t to) const {
    return at_sender_[from * members_ + to] == kOnce && at_receiver_[from * members_ + to] == kOnce;
  }
  // Of a pair that is not answered as it should.
  MeshLoss loss(std::uint32_t from, std::uint32_t to) const;
  // Its round was done, whatever came of it.
  void set_done(std::uint32_t from, std::uint32_t to) { done_[from * members_ + to] = true; }
  bool is_done(std::uint32_t from, std::uint32_t to) const { return done_[from * members_ + to]; }
  void forget(std::uint32_t from, std::uint32_t to) {
    at_sender(from, to) = 0;
    at_receiver(from, to) = 0;
  }

 private:
  std::size_t members_;
  std::vector<Cell> at_sender_;    // replies, and requests that were refused
  std::vector<Cell> at_receiver_;  // requests
  std::vector<bool> done_;
};

// A raw ICMP socket that gives echoes only, with room for a round's requests.
Result<UniqueFd> open_mesh_socket(const SocketFactory& factory, const std::string& network_namespace, Family family);
// Packets that did not fit into its queue so far (SK_MEMINFO_DROPS, linux/sock_diag.h).
std::uint64_t dropped_by(int socket);

// What a whole mesh has in common.
struct MeshEchoes {
  Family family = Family::kIpv4;
  std::uint16_t identifier = 0;
  PayloadPattern payload{0};
  std::vector<IpAddress> addresses;  // of the members, by number
  std::vector<SocketAddress> names;  // the same for the kernel
};

// How a round is done.
struct MeshPace {
  std::uint32_t window = 32;
  std::chrono::milliseconds reply_wait{500};
  std::chrono::milliseconds turn{2};  // how long a member waits for its window's replies before it goes on
};

class MeshLane {
 public:
  struct Member {
    std::uint32_t number = 0;
    int socket = -1;
    std::span<const std::uint32_t> asks;  // numbers of others that are members, too; itself is left out
  };
  // The echoes, the matrix and what the members refer to outlive the lane.
  MeshLane(const MeshEchoes& echoes, MeshMatrix& matrix, std::vector<Member> members)
      : echoes_(echoes), matrix_(matrix), members_(std::move(members)) {}

  std::uint64_t strangers() const { return strangers_; }
  std::uint64_t full_queues() const { return full_queues_; }  // requests that a queue on the way out had no room for
  int refused_errno() const { return refused_errno_; }        // of the last request that was refused

  Result<void> drain();
  // Errors: kSystem (no socket any more), kCancelled.
  Result<void> ask(const MeshPace& pace, Cancel cancel);
  // Once all have asked: until every request has arrived and every reply has come, or nothing has for pace.reply_wait.
  // The time that this thread was not let run does not count.
  Result<void> settle(const MeshPace& pace, Cancel cancel);

 private:
  Result<void> send(const Member& from, std::span<const std::uint32_t> to);
  Result<std::size_t> take(const Member& at);
  void note(const Member& at, std::size_t index);
  std::vector<const MeshMatrix::Cell*> missing() const;

  const MeshEchoes& echoes_;
  MeshMatrix& matrix_;
  std::vector<Member> members_;
  ReceiveBatch batch_;
  std::uint64_t replies_ = 0;  // that this call of ask() has taken
  std::uint64_t strangers_ = 0;
  std::uint64_t full_queues_ = 0;
  int refused_errno_ = 0;
};

}  // namespace netns_lab::probe
