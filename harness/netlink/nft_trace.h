// Which rule of a packet filter takes a packet: nf_tables' own trace (NFT_MSG_TRACE, linux/netfilter/nf_tables.h).
//
//   NETNS_LAB_ASSIGN(FilterTrace trace, FilterTrace::start(requests, events, {destination}));
//   ... packets from and to that address ...
//   NETNS_LAB_ASSIGN(const std::vector<FilterVerdict> taken, trace.take());
//
// It is switched on by a table of ours with chains in front of all others at prerouting and output. The table belongs
// to the socket that made it (NFT_TABLE_F_OWNER, since Linux 5.12): the kernel removes it with the socket, whatever
// ends us.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/address.h"
#include "harness/model/filter_verdict.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

class FilterTrace {
 public:
  // Packets from or to one of these addresses, all of one family. The two are sockets of Protocol::kNetfilter of one
  // namespace, unbound (open_raw). kSystem where the kernel has no nf_tables, or may not be asked.
  static Result<FilterTrace> start(UniqueFd requests, UniqueFd events, const std::vector<IpAddress>& addresses);

  // What took packets since the last time, each once, with the rule's place in its chain as the chain is now.
  // Packets that a chain of a device (ingress), of a bridge or of the old interface (iptables-legacy) takes are not
  // traced.
  Result<std::vector<FilterVerdict>> take();
  // Whether some of what the kernel told was lost for want of room, since it began: then others may have taken packets.
  bool has_lost() const { return has_lost_; }

 private:
  FilterTrace(NetlinkSocket requests, UniqueFd events) : requests_(std::move(requests)), events_(std::move(events)) {}
  Result<void> place(FilterVerdict& verdict);

  NetlinkSocket requests_;
  UniqueFd events_;
  bool has_lost_ = false;
};

// One step of a packet; its verdict is "" unless it ends the packet's way.
Result<FilterVerdict> decode_trace_step(const MessageView& message);

}  // namespace netns_lab::netlink
