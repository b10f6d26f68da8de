// The flows of one call that share a raw socket: their requests go out in common batches, their replies come in through
// one filter.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "harness/base/error.h"
#include "harness/probe/echo_flow.h"
#include "harness/probe/echo_socket.h"
#include "harness/probe/receive_batch.h"

namespace netns_lab::probe {

class EchoGroup {
 public:
  using Clock = EchoFlow::Clock;

  explicit EchoGroup(EchoSocketOptions options) : options_(std::move(options)) {}

  const EchoSocketOptions& options() const { return options_; }
  // Before `open`. The flow lives elsewhere, longer than this.
  void add(EchoFlow* flow) { members_.push_back(flow); }
  const std::vector<EchoFlow*>& members() const { return members_; }

  // The members' identifiers are contiguous, in the order they were added. Errors: as EchoSocket::open.
  Result<void> open(const SocketFactory& factory);
  bool is_open() const { return socket_.has_value(); }

  // Batches what may go out now, in turn, as long as the packets take no more than `budget` bytes of a receive queue
  // (but at least one request), and sends it. Returns the queue cost of what went out.
  std::uint64_t send(Clock::time_point now, std::uint64_t budget);
  // Takes stamps, replies and errors until none is queued. Whether there was any. Error: kSystem.
  Result<bool> receive(ReceiveBatch& batch);
  // Expires what waited long enough. True when no flow has anything left to do.
  bool settle(Clock::time_point now, const Starvation& starvation);

  Clock::time_point wakes_at(const Starvation& starvation) const;
  bool awaits_replies() const;
  bool blocked() const { return blocked_; }  // the send queue is full: wait until the socket is writable
  int fd() const { return socket_->fd(); }
  std::uint64_t overflow() const { return overflow_; }  // packets the kernel could not queue on the raw socket

 private:
  void flush(Clock::time_point now);
  Result<void> take_stamps(ReceiveBatch& batch);
  void take(const ReceiveBatch& batch, std::size_t index);
  EchoFlow* owner(std::uint16_t identifier) const;

  EchoSocketOptions options_;
  std::vector<EchoFlow*> members_;
  std::vector<EchoFlow*> active_;
  IdentifierRange identifiers_;
  std::optional<EchoSocket> socket_;
  std::vector<EchoFlow*> batch_;  // whose request stands where in the socket's batch
  struct Logged {
    EchoFlow* flow;
    std::uint32_t request;
  };
  std::vector<Logged> sent_log_;  // every request that went out; with transmit stamps only
  std::size_t turn_ = 0;
  std::uint64_t overflow_ = 0;
  bool blocked_ = false;
};

}  // namespace netns_lab::probe
