#include "harness/probe/receive_batch.h"

#include <netinet/in.h>

#include <linux/errqueue.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace netns_lab::probe {
namespace {

constexpr std::size_t kSlotSize = 65'536 + 256;
constexpr std::size_t kControlSize = 256;

template <typename T>
T value_of(const cmsghdr* header) {
  T value{};
  std::memcpy(&value, CMSG_DATA(header), sizeof value);
  return value;
}

std::chrono::nanoseconds since_epoch(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void read_socket_level(const cmsghdr* header, Ancillary& told) {
  switch (header->cmsg_type) {
    case SO_TIMESTAMPING: {
      const auto stamps = value_of<scm_timestamping>(header);
      told.stamp = since_epoch(stamps.ts[0]);
      break;
    }
    case SO_TIMESTAMPNS:
      told.stamp = since_epoch(value_of<timespec>(header));
      break;
    case SO_RXQ_OVFL:
      told.overflow = value_of<std::uint32_t>(header);
      break;
    default:
      break;
  }
}

void read_error(const cmsghdr* header, Ancillary& told) {
  const auto error = value_of<sock_extended_err>(header);
  if (error.ee_origin == SO_EE_ORIGIN_TIMESTAMPING && error.ee_info == SCM_TSTAMP_SND) told.sent_id = error.ee_data;
}

}  // namespace

ReceiveBatch::ReceiveBatch()
    : buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kSlots * kSlotSize)),
      control_(kSlots * kControlSize),
      parts_(kSlots),
      names_(kSlots),
      messages_(kSlots) {
  for (std::size_t index = 0; index < kSlots; ++index) arm(index);
}

void ReceiveBatch::arm(std::size_t index) {
  parts_[index] = iovec{buffer_.get() + index * kSlotSize, kSlotSize};
  msghdr& header = messages_[index].msg_hdr;
  const bool named = asked_ == SenderNames::kAsked;
  header.msg_name = named ? &names_[index] : nullptr;
  header.msg_namelen = named ? sizeof(sockaddr_storage) : 0;
  header.msg_iov = &parts_[index];
  header.msg_iovlen = 1;
  header.msg_control = control_.data() + index * kControlSize;
  header.msg_controllen = kControlSize;
  header.msg_flags = 0;
}

Result<std::size_t> ReceiveBatch::receive(int socket, int flags, SenderNames names) {
  if (names != asked_) used_ = kSlots;  // arm them all
  asked_ = names;
  for (std::size_t index = 0; index < used_; ++index) arm(index);
  used_ = 0;
  for (;;) {
    const int received = ::recvmmsg(socket, messages_.data(), kSlots, MSG_DONTWAIT | flags, nullptr);
    if (received >= 0) {
      used_ = static_cast<std::size_t>(received);
      return used_;
    }
    if (errno == EAGAIN) return std::size_t{0};
    // A link that went down under a packet socket says so once (ENETDOWN); what is queued can still be read.
    if (errno == EINTR || errno == ENETDOWN) continue;
    return tl::unexpected(Error::system("receive packets", errno));
  }
}

Bytes ReceiveBatch::bytes(std::size_t index) const {
  return Bytes(buffer_.get() + index * kSlotSize, messages_[index].msg_len);
}

Ancillary ReceiveBatch::ancillary(std::size_t index) const {
  Ancillary told;
  auto* message = const_cast<msghdr*>(&messages_[index].msg_hdr);  // CMSG_NXTHDR takes it so, and only reads
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level == SOL_SOCKET) {
      read_socket_level(header, told);
    } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      told.arrival_index = value_of<in_pktinfo>(header).ipi_ifindex;
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      const auto info = value_of<in6_pktinfo>(header);
      told.arrival_index = static_cast<int>(info.ipi6_ifindex);
      told.local = IpAddress::from_bytes(info.ipi6_addr.s6_addr);
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_HOPLIMIT) {
      told.ttl = static_cast<std::uint8_t>(value_of<int>(header));
    } else if ((header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
               (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR)) {
      read_error(header, told);
    }
  }
  return told;
}

std::optional<IpAddress> address_of(const sockaddr_storage& name) {
  if (name.ss_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &name, sizeof address);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &address.sin_addr, bytes.size());
    return IpAddress::from_bytes(bytes);
  }
  if (name.ss_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, &name, sizeof address);
    return IpAddress::from_bytes(address.sin6_addr.s6_addr);
  }
  return std::nullopt;
}

}  // namespace netns_lab::probe
