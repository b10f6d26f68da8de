// Netlink messages as bytes: one being written (Request), one being read (MessageView), and the answers to a dump
// (Replies).
//
//   Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
//   request.put_header(ifaddrmsg{...});
//   request.put(IFA_LOCAL, address);
//
// Numbers are in host byte order unless a name says `be`. Layout: linux/netlink.h, RFC 3549.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/address.h"

namespace netns_lab::netlink {

using Bytes = std::span<const std::uint8_t>;

// One received message. Valid as long as the buffer it points into.
struct MessageView {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  std::uint32_t port = 0;
  Bytes payload;  // what follows the nlmsghdr
};

// One request being written. The socket sets sequence and port when it sends.
class Request {
 public:
  // `flags`: NLM_F_* besides NLM_F_REQUEST, which is always set. NLM_F_ACK is the socket's affair.
  Request(std::uint16_t type, std::uint16_t flags);

  // The fixed header behind nlmsghdr (ifinfomsg, rtmsg ...): call once, before any attribute.
  template <typename Header>
  void put_header(const Header& header) {
    static_assert(std::is_trivially_copyable_v<Header>);
    put_header_bytes({reinterpret_cast<const std::uint8_t*>(&header), sizeof header});
  }

  // Attributes.
  void put_u8(std::uint16_t type, std::uint8_t value);
  void put_u16(std::uint16_t type, std::uint16_t value);
  void put_u32(std::uint16_t type, std::uint32_t value);
  void put_string(std::uint16_t type, std::string_view value);  // with its terminating zero
  void put_bytes(std::uint16_t type, Bytes value);
  void put(std::uint16_t type, const IpAddress& address) { put_bytes(type, address.bytes()); }
  void put(std::uint16_t type, const MacAddress& mac) { put_bytes(type, mac.bytes()); }
  template <typename Fixed>
  void put_struct(std::uint16_t type, const Fixed& value) {
    static_assert(std::is_trivially_copyable_v<Fixed>);
    put_bytes(type, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  // Everything `fill()` puts becomes the contents of the attribute `type`. Nests nest.
  template <typename Fill>
  void put_nested(std::uint16_t type, Fill fill) {
    const std::size_t start = begin_nested(type);
    fill();
    end_nested(start);
  }
  // A fixed structure in the middle of a nested attribute (VETH_INFO_PEER starts with an ifinfomsg; rtnexthop).
  template <typename Fixed>
  std::size_t put_raw(const Fixed& value) {
    static_assert(std::is_trivially_copyable_v<Fixed>);
    return put_raw_bytes({reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  // Overwrites the 16-bit number at `offset` of bytes() with the number of bytes written since (rtnexthop::rtnh_len).
  void patch_length(std::size_t offset);

  std::uint16_t type() const;
  std::uint16_t flags() const;
  bool is_dump() const;
  void add_flags(std::uint16_t flags);
  void set_identity(std::uint32_t sequence, std::uint32_t port);
  Bytes bytes() const { return bytes_; }  // header, payload, padding
  MessageView view() const;

 private:
  void put_header_bytes(Bytes header);
  std::size_t begin_nested(std::uint16_t type);
  void end_nested(std::size_t start);
  std::size_t put_raw_bytes(Bytes value);
  std::uint8_t* grow(std::size_t more);

  std::vector<std::uint8_t> bytes_;
};

// Splits a datagram into messages; a malformed one (length beyond the datagram, or shorter than its header) is an
// error.
Result<std::vector<MessageView>> split_messages(Bytes datagram);

// The messages that answered one dump (or echoed one request); owns their bytes.
class Replies {
 public:
  void append(const MessageView& message);
  void clear();
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  MessageView operator[](std::size_t i) const;

 private:
  struct Entry {
    std::size_t offset;
    std::size_t size;
    std::uint16_t type;
    std::uint16_t flags;
    std::uint32_t sequence;
    std::uint32_t port;
  };
  std::vector<std::uint8_t> bytes_;
  std::vector<Entry> entries_;
};

// All replies through `decode`, in order; the first that does not decode is the error.
template <typename T>
Result<std::vector<T>> decode_all(const Replies& replies, Result<T> (*decode)(const MessageView&)) {
  std::vector<T> values;
  values.reserve(replies.size());
  for (std::size_t i = 0; i < replies.size(); ++i) {
    Result<T> value = decode(replies[i]);
    if (!value) return tl::unexpected(std::move(value).error());
    values.push_back(std::move(*value));
  }
  return values;
}

// A request in words, for errors: "add address 10.200.1.1/32 (link 5)". Decodes the bytes, so that success costs
// nothing.
std::string describe(const MessageView& request);

}  // namespace netns_lab::netlink
