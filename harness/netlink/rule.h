// Routing rules: RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE (linux/fib_rules.h, net/core/fib_rules.c).
#pragma once

#include <vector>

#include "harness/model/route.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

Request add_rule(const RoutingRule& rule);  // priority 0: the kernel chooses; EEXIST when there is an equal one
Request delete_rule(const RoutingRule& rule);

// Of both families, of each by priority; also those of multicast routes (ip-mrule(8)), which have "multicast" among
// RoutingRule::other. A kernel without rules has none.
Result<std::vector<RoutingRule>> list_rules(NetlinkSocket& socket);
Result<RoutingRule> decode_rule(const MessageView& message);

}  // namespace netns_lab::netlink
