// Many packets by one system call: recvmmsg(2) into buffers that are kept.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/address.h"
#include "harness/probe/wire.h"

namespace netns_lab::probe {

// What the kernel tells beside a packet.
struct Ancillary {
  std::chrono::nanoseconds stamp{0};     // software stamp, CLOCK_REALTIME since the epoch; 0: none
  int arrival_index = 0;                 // interface it came in on
  std::optional<IpAddress> local;        // the address it came to (IPv6 only: IPv4 has it in the header)
  std::optional<std::uint8_t> ttl;       // hop limit (IPv6 only)
  std::uint32_t overflow = 0;            // SO_RXQ_OVFL: packets dropped so far because the queue was full
  std::optional<std::uint32_t> sent_id;  // of a transmit stamp: which packet (SOF_TIMESTAMPING_OPT_ID)
};

// Whether the kernel shall write the sender of each packet (recvmmsg's msg_name). Where the packet itself says it, not
// asking is cheaper.
enum class SenderNames : std::uint8_t { kAsked, kNotAsked };

// Threading: one thread at a time. Memory: 64 slots that hold the largest frame (65,536 bytes and headers); pages are
// taken when first used.
class ReceiveBatch {
 public:
  static constexpr std::size_t kSlots = 64;

  ReceiveBatch();

  // Takes what is queued, at most kSlots packets, and never waits. 0: nothing queued. `flags` beside MSG_DONTWAIT:
  // MSG_ERRQUEUE. What was received before is gone. Error: kSystem.
  Result<std::size_t> receive(int socket, int flags = 0, SenderNames names = SenderNames::kAsked);

  // index < what `receive` returned.
  Bytes bytes(std::size_t index) const;
  bool truncated(std::size_t index) const { return (messages_[index].msg_hdr.msg_flags & MSG_TRUNC) != 0; }
  // With SenderNames::kAsked.
  const sockaddr_storage& from(std::size_t index) const { return names_[index]; }
  Ancillary ancillary(std::size_t index) const;

 private:
  void arm(std::size_t index);

  std::unique_ptr<std::uint8_t[]> buffer_;
  std::vector<std::uint8_t> control_;
  std::vector<iovec> parts_;
  std::vector<sockaddr_storage> names_;
  std::vector<mmsghdr> messages_;
  std::size_t used_ = 0;
  SenderNames asked_ = SenderNames::kAsked;
};

// The address in a sockaddr_in or sockaddr_in6; nothing for other families.
std::optional<IpAddress> address_of(const sockaddr_storage& name);

}  // namespace netns_lab::probe
