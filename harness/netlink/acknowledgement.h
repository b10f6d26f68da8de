// What the kernel says about a request: NLMSG_ERROR, or the end of a dump, with its extended acknowledgement
// (linux/netlink.h, nlmsgerr).
#pragma once

#include <string>

#include "harness/netlink/message.h"

namespace netns_lab::netlink {

struct Acknowledgement {
  int system_errno = 0;  // positive; 0: done
  std::string text;      // NLMSGERR_ATTR_MSG, and which attribute was missing; "" when the kernel adds nothing
};

// Of NLMSG_ERROR or NLMSG_DONE.
Result<Acknowledgement> decode_acknowledgement(const MessageView& message);

}  // namespace netns_lab::netlink
