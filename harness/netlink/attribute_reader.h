// Reads netlink attributes: bounds-checked, total, with one sticky error, so that a decoder reads straight through and
// asks once at its end.
//
//   AttributeReader reader(message.payload.subspan(sizeof(ifaddrmsg)));
//   while (reader.next()) {
//     switch (reader.type()) {
//       case IFA_FLAGS: address.flags = reader.u32(); break;
//     }
//   }
//   if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWADDR"));
//
// After the first malformed attribute next() is false and every getter gives zero. Unknown attributes are passed over.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "harness/base/error.h"
#include "harness/model/address.h"
#include "harness/netlink/message.h"

namespace netns_lab::netlink {

class AttributeReader {
 public:
  explicit AttributeReader(Bytes attributes) : rest_(attributes) {}

  bool next();                                  // on to the next attribute; false at the end and after an error
  std::uint16_t type() const { return type_; }  // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
  Bytes bytes() const { return value_; }

  // Each demands its exact size; a shorter or longer value is an error.
  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u32();
  std::int32_t s32();
  std::uint64_t u64();
  std::string string();  // up to the terminating zero, or the whole value
  // 4 or 16 bytes.
  std::optional<IpAddress> address();
  std::optional<MacAddress>
  mac();  // none (and no error) for link-layer addresses that are not 6 bytes: tunnels have others
  // `read(AttributeReader&)` walks the nested attributes; its error becomes ours.
  template <typename Read>
  void nested(Read read) {
    AttributeReader inner(value_);
    read(inner);
    if (!inner.ok()) fail(inner.problem_);
  }

  bool ok() const { return problem_.empty(); }
  void fail(std::string problem);  // keeps the first
  Error error(std::string attempted) const;

 private:
  template <typename T>
  T fixed();

  Bytes rest_;
  Bytes value_;
  std::uint16_t type_ = 0;
  std::string problem_;
};

// The fixed structure at the front of a payload; an error when the payload is shorter.
template <typename Header>
Result<Header> read_header(const MessageView& message, const char* what);
Error short_message(const char* what, std::size_t wanted, std::size_t seen);

}  // namespace netns_lab::netlink

#include <cstring>

namespace netns_lab::netlink {
template <typename Header>
Result<Header> read_header(const MessageView& message, const char* what) {
  static_assert(std::is_trivially_copyable_v<Header>);
  if (message.payload.size() < sizeof(Header)) {
    return tl::unexpected(short_message(what, sizeof(Header), message.payload.size()));
  }
  Header header;
  std::memcpy(&header, message.payload.data(), sizeof header);
  return header;
}
// What follows the header, its padding included in the header's size.
template <typename Header>
Bytes after_header(const MessageView& message) {
  constexpr std::size_t kAligned = (sizeof(Header) + 3) & ~std::size_t{3};
  return message.payload.size() <= kAligned ? Bytes{} : message.payload.subspan(kAligned);
}
}  // namespace netns_lab::netlink
