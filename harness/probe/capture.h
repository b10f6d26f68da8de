// A packet socket on all interfaces of one namespace, kept open between probes: opening is cheap, closing takes 8-16
// ms.
//
//   NETNS_LAB_TRY(capture.start(0, batch));
//   … send …
//   NETNS_LAB_TRY(capture.drain(batch, [&](const CapturedFrame& frame) { … }));
//   capture.stop();
//
// Between `stop` and `start` its queue takes a packet or two; `start` throws them away: no probe sees the packets of an
// earlier one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/echo.h"
#include "harness/probe/frame.h"
#include "harness/probe/namespace_identity.h"
#include "harness/probe/receive_batch.h"
#include "harness/probe/socket_factory.h"
#include "harness/probe/socket_filter.h"

namespace netns_lab::probe {

struct CapturedFrame {
  int link_index = 0;
  PacketDirection direction = PacketDirection::kReceived;
  LinkHeader header = LinkHeader::kEthernet;
  std::uint16_t ether_type = 0;
  std::chrono::nanoseconds time{0};  // kernel stamp, CLOCK_REALTIME since the epoch
  Bytes bytes;                       // valid during the call only
};

class Capture {
 public:
  // Errors: the factory's; kSystem.
  static Result<Capture> open(const SocketFactory& factory, const std::string& network_namespace);

  // From now on everything is taken that SocketFilter::probe_packets(port) lets in. Error: kSystem.
  Result<void> start(std::uint16_t port, ReceiveBatch& batch);
  // Hands over what is queued until the queue is empty.
  Result<void> drain(ReceiveBatch& batch, const std::function<void(const CapturedFrame&)>& take);
  void stop();

  // Packets dropped since `start`: the queue was full, or a frame was longer than a slot. Error: kSystem.
  Result<std::uint64_t> drops();
  std::uint32_t queue_bytes() const { return queue_bytes_; }  // SO_RCVBUF as the kernel counts it (skb truesize)
  const NamespaceIdentity& identity() const { return identity_; }
  int fd() const { return socket_.get(); }
  UniqueFd release() { return std::move(socket_); }

 private:
  Capture(UniqueFd socket, NamespaceIdentity identity, std::uint32_t queue_bytes);
  UniqueFd socket_;
  NamespaceIdentity identity_;
  std::uint32_t queue_bytes_;
  std::uint16_t port_ = 0;  // of the filter that is attached
  std::uint64_t drops_ = 0;
};

// Makes the receive queue as large as asked for, as far as this process may: past net.core.rmem_max with CAP_NET_ADMIN
// in the initial user namespace, up to it elsewhere. Returns what the kernel then says, which is twice what was asked
// for (socket(7)).
std::uint32_t set_receive_queue(int socket, std::uint32_t bytes);

}  // namespace netns_lab::probe
