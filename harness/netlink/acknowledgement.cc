#include "harness/netlink/acknowledgement.h"

#include <fmt/format.h>

#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

// Kernel headers before 6.1 lack it.
constexpr std::uint16_t kAttributeMissingType = 5;  // NLMSGERR_ATTR_MISS_TYPE

}  // namespace

Result<Acknowledgement> decode_acknowledgement(const MessageView& message) {
  Acknowledgement acknowledgement;
  std::int32_t code = 0;
  if (message.payload.size() < sizeof code) {
    // Some dumps end without a code.
    if (message.type == NLMSG_DONE) return acknowledgement;
    return tl::unexpected(short_message("NLMSG_ERROR", sizeof(nlmsgerr), message.payload.size()));
  }
  std::memcpy(&code, message.payload.data(), sizeof code);
  // Never negated when it is INT_MIN; positive codes are no errors.
  acknowledgement.system_errno = code < 0 && code > -4096 ? -code : (code < 0 ? 4095 : 0);

  std::size_t offset = sizeof code;
  if (message.type == NLMSG_ERROR) {
    nlmsgerr error;
    if (message.payload.size() < sizeof error) {
      return tl::unexpected(short_message("NLMSG_ERROR", sizeof error, message.payload.size()));
    }
    std::memcpy(&error, message.payload.data(), sizeof error);
    offset = sizeof error;
    if ((message.flags & NLM_F_CAPPED) == 0 && error.msg.nlmsg_len > sizeof(nlmsghdr)) {
      offset += NLMSG_ALIGN(std::size_t{error.msg.nlmsg_len} - sizeof(nlmsghdr));  // the request is quoted
    }
  }
  if ((message.flags & NLM_F_ACK_TLVS) == 0 || offset >= message.payload.size()) return acknowledgement;
  AttributeReader reader(message.payload.subspan(offset));
  while (reader.next()) {
    switch (reader.type()) {
      case NLMSGERR_ATTR_MSG:
        acknowledgement.text = reader.string();
        break;
      case kAttributeMissingType:
        acknowledgement.text +=
            fmt::format("{}attribute {} is missing", acknowledgement.text.empty() ? "" : "; ", reader.u32());
        break;
      default:
        break;
    }
  }
  // Text that cannot be read is no reason to lose the error number.
  return acknowledgement;
}

}  // namespace netns_lab::netlink
