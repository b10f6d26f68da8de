#include "harness/netlink/message.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>

#include <linux/netlink.h>

#include <cstring>
#include <limits>
#include <stdexcept>

namespace netns_lab::netlink {
namespace {

nlmsghdr* header_of(std::uint8_t* bytes) { return static_cast<nlmsghdr*>(static_cast<void*>(bytes)); }
const nlmsghdr* header_of(const std::uint8_t* bytes) {
  return static_cast<const nlmsghdr*>(static_cast<const void*>(bytes));
}

}  // namespace

Request::Request(std::uint16_t type, std::uint16_t flags) {
  bytes_.reserve(256);
  bytes_.resize(MNL_NLMSG_HDRLEN);
  nlmsghdr* header = mnl_nlmsg_put_header(bytes_.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
}

std::uint8_t* Request::grow(std::size_t more) {
  bytes_.resize(bytes_.size() + MNL_ALIGN(more));
  return bytes_.data();
}

void Request::put_header_bytes(Bytes header) {
  grow(header.size());
  std::memcpy(mnl_nlmsg_put_extra_header(header_of(bytes_.data()), header.size()), header.data(), header.size());
}

void Request::put_bytes(std::uint16_t type, Bytes value) {
  if (value.size() > std::numeric_limits<std::uint16_t>::max() - MNL_ATTR_HDRLEN) {
    throw std::length_error(fmt::format("netlink attribute {} of {} bytes: 65,531 is the most", type, value.size()));
  }
  grow(MNL_ATTR_HDRLEN + value.size());
  mnl_attr_put(header_of(bytes_.data()), type, value.size(), value.data());
}

void Request::put_u8(std::uint16_t type, std::uint8_t value) { put_struct(type, value); }
void Request::put_u16(std::uint16_t type, std::uint16_t value) { put_struct(type, value); }
void Request::put_u32(std::uint16_t type, std::uint32_t value) { put_struct(type, value); }

void Request::put_string(std::uint16_t type, std::string_view value) {
  std::vector<std::uint8_t> terminated(value.begin(), value.end());
  terminated.push_back(0);
  put_bytes(type, terminated);
}

std::size_t Request::begin_nested(std::uint16_t type) {
  const std::size_t start = bytes_.size();
  grow(MNL_ATTR_HDRLEN);
  mnl_attr_nest_start(header_of(bytes_.data()), type);
  return start;
}

void Request::end_nested(std::size_t start) {
  if (bytes_.size() - start > std::numeric_limits<std::uint16_t>::max()) {
    throw std::length_error(fmt::format("nested netlink attribute of {} bytes", bytes_.size() - start));
  }
  mnl_attr_nest_end(header_of(bytes_.data()), static_cast<nlattr*>(static_cast<void*>(bytes_.data() + start)));
}

std::size_t Request::put_raw_bytes(Bytes value) {
  const std::size_t start = bytes_.size();
  grow(value.size());
  std::memcpy(mnl_nlmsg_put_extra_header(header_of(bytes_.data()), value.size()), value.data(), value.size());
  return start;
}

void Request::patch_length(std::size_t offset) {
  const auto length = static_cast<std::uint16_t>(bytes_.size() - offset);
  std::memcpy(bytes_.data() + offset, &length, sizeof length);
}

std::uint16_t Request::type() const { return header_of(bytes_.data())->nlmsg_type; }
std::uint16_t Request::flags() const { return header_of(bytes_.data())->nlmsg_flags; }
bool Request::is_dump() const { return (flags() & NLM_F_DUMP) == NLM_F_DUMP; }
void Request::add_flags(std::uint16_t flags) {
  header_of(bytes_.data())->nlmsg_flags = static_cast<std::uint16_t>(this->flags() | flags);
}
void Request::set_identity(std::uint32_t sequence, std::uint32_t port) {
  header_of(bytes_.data())->nlmsg_seq = sequence;
  header_of(bytes_.data())->nlmsg_pid = port;
}

MessageView Request::view() const {
  const nlmsghdr* header = header_of(bytes_.data());
  return {header->nlmsg_type, header->nlmsg_flags, header->nlmsg_seq, header->nlmsg_pid,
          Bytes(bytes_).subspan(MNL_NLMSG_HDRLEN)};
}

Result<std::vector<MessageView>> split_messages(Bytes datagram) {
  std::vector<MessageView> messages;
  while (!datagram.empty()) {
    nlmsghdr header;
    if (datagram.size() < sizeof header) {
      return tl::unexpected(Error::internal("read a netlink datagram",
                                            fmt::format("{} bytes are too few for a message header", datagram.size())));
    }
    std::memcpy(&header, datagram.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) {
      return tl::unexpected(
          Error::internal("read a netlink datagram",
                          fmt::format("a message of {} bytes where {} are left", header.nlmsg_len, datagram.size())));
    }
    messages.push_back({header.nlmsg_type, header.nlmsg_flags, header.nlmsg_seq, header.nlmsg_pid,
                        datagram.subspan(sizeof header, header.nlmsg_len - sizeof header)});
    datagram = datagram.subspan(std::min<std::size_t>(MNL_ALIGN(std::size_t{header.nlmsg_len}), datagram.size()));
  }
  return messages;
}

void Replies::append(const MessageView& message) {
  // Kept aligned: a payload is a kernel structure.
  const std::size_t offset = bytes_.size();
  bytes_.resize(offset + MNL_ALIGN(message.payload.size()));
  if (!message.payload.empty()) {
    std::memcpy(bytes_.data() + offset, message.payload.data(), message.payload.size());
  }
  entries_.push_back({offset, message.payload.size(), message.type, message.flags, message.sequence, message.port});
}

void Replies::clear() {
  bytes_.clear();
  entries_.clear();
}

MessageView Replies::operator[](std::size_t i) const {
  const Entry& entry = entries_.at(i);
  return {entry.type, entry.flags, entry.sequence, entry.port, Bytes(bytes_).subspan(entry.offset, entry.size)};
}

}  // namespace netns_lab::netlink
