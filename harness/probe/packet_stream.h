// Everything that passes the interfaces of a namespace, as a classic pcap stream with nanosecond stamps and
// LINKTYPE_ETHERNET: the `capture` operation. It is pulled; what is not pulled in time the kernel drops and counts.
//
// Its packet socket keeps the namespace alive (see prober.h): close the stream before the namespace is deleted.
// Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/probe/receive_batch.h"
#include "harness/probe/socket_factory.h"

namespace netns_lab::probe {

class PacketStream {
 public:
  // `link` "": all interfaces. Errors: kSystem, with ENODEV when there is no such link, ENOENT (from the factory) when
  // there is no such namespace.
  static Result<PacketStream> open(const SocketFactory& factory, const std::string& network_namespace,
                                   const std::string& link);
  PacketStream(PacketStream&&) noexcept = default;
  PacketStream& operator=(PacketStream&&) noexcept = default;
  ~PacketStream() = default;  // takes 8-16 ms: the kernel waits for a grace period

  // The next bytes of the stream, at most `maximum` (>= 1), waiting for the first until `deadline`; "" when none came.
  // The pcap header comes first, at once. Errors: kCancelled, kSystem.
  Result<std::string> read(std::size_t maximum, Deadline deadline, Cancel cancel = {});
  std::uint64_t drops();                    // packets the kernel could not give, so far
  int fd() const { return socket_.get(); }  // readable when packets wait, for poll(2)

 private:
  explicit PacketStream(UniqueFd socket);
  void append(std::size_t index);
  UniqueFd socket_;
  std::unique_ptr<ReceiveBatch> batch_;
  std::string pending_;  // bytes of the stream that did not fit into the last read
  std::uint64_t drops_ = 0;
};

}  // namespace netns_lab::probe
