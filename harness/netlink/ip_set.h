// Sets of addresses that rules of iptables may ask (ipset(8)): IPSET_CMD_LIST of NFNL_SUBSYS_IPSET
// (linux/netfilter/ipset/ip_set.h, net/netfilter/ipset/ip_set_core.c). Those of nftables are part of their table.
#pragma once

#include <vector>

#include "harness/model/snapshot.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

// Has this kernel sets, built in or loaded? Where it has none, to ask for them would have it load them. True where
// that cannot be seen (no /sys).
bool kernel_has_ip_sets();

// "IP set", its name, "of the type hash:ip, IPv4"; not what is in it, which packets may change. `socket` is of
// Protocol::kNetfilter. A kernel without sets has none.
Result<std::vector<FurtherObject>> list_ip_sets(NetlinkSocket& socket);
Result<FurtherObject> decode_ip_set(const MessageView& message);

}  // namespace netns_lab::netlink
