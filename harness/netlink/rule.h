// Routing rules: RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE (linux/fib_rules.h, net/core/fib_rules.c).
#pragma once

#include <vector>

#include "harness/model/route.h"
#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

Request add_rule(const RoutingRule& rule);  // priority 0: the kernel chooses; EEXIST when there is an equal one
Request delete_rule(const RoutingRule& rule);

Result<std::vector<RoutingRule>> list_rules(NetlinkSocket& socket);  // IPv4 then IPv6, by priority
Result<RoutingRule> decode_rule(const MessageView& message);

}  // namespace netns_lab::netlink
