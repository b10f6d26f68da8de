// describe(): a request in words.
#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include <sstream>
#include <string>

#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/message.h"
#include "harness/netlink/neighbour.h"
#include "harness/netlink/route.h"
#include "harness/netlink/rule.h"

namespace netns_lab::netlink {
namespace {

std::string link_text(const MessageView& request) {
  const auto link = decode_link(request);
  if (!link) return "link";
  if (link->name.empty() && link->index == 0) return fmt::format("the links of group {}", link->group);
  const std::string kind = link->kind.empty() ? "link" : link->kind;
  if (link->index == 0) return fmt::format("{} {}", kind, link->name);
  return fmt::format("{} with index {}{}", kind, link->index, link->name.empty() ? "" : ", name " + link->name);
}

std::string address_text(const MessageView& request) {
  const auto address = decode_address(request);
  if (!address) return "address";
  return fmt::format("address {} on link {}", address->prefix.to_string(), address->link_index);
}

std::string route_text(const MessageView& request) {
  const auto route = decode_route(request);
  if (!route) return "route";
  std::string text = "route " + (route->is_default() ? std::string("default") : route->destination.to_string());
  for (const NextHop& hop : route->hops) {
    if (hop.gateway) text += " via " + hop.gateway->to_string();
    if (hop.link_index != 0) text += fmt::format(" on link {}", hop.link_index);
  }
  return text + fmt::format(", table {}", route->table);
}

std::string rule_text(const MessageView& request) {
  const auto rule = decode_rule(request);
  if (!rule) return "rule";
  std::ostringstream out;
  out << "rule " << *rule;
  return out.str();
}

std::string neighbour_text(const MessageView& request) {
  const auto neighbour = decode_neighbour(request);
  if (!neighbour) return "neighbour";
  return fmt::format("neighbour {} on link {}", neighbour->address.to_string(), neighbour->link_index);
}

}  // namespace

std::string describe(const MessageView& request) {
  if ((request.flags & NLM_F_DUMP) == NLM_F_DUMP) {
    switch (request.type) {
      case RTM_GETLINK:
        return "list links";
      case RTM_GETADDR:
        return "list addresses";
      case RTM_GETROUTE:
        return "list routes";
      case RTM_GETRULE:
        return "list rules";
      case RTM_GETNEIGH:
        return "list neighbours";
      case RTM_GETQDISC:
        return "list qdiscs";
      case RTM_GETNSID:
        return "list namespace ids";
      case RTM_GETNEXTHOP:
        return "list next hops";
      case RTM_GETADDRLABEL:
        return "list IPv6 address labels";
      case SOCK_DIAG_BY_FAMILY:
        return "list bound sockets";
      case (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE:
        return "list nft tables";
      case (NFNL_SUBSYS_IPSET << 8) | IPSET_CMD_LIST:
        return "list the sets of ipset";
      default:
        return fmt::format("netlink dump of type {}", request.type);
    }
  }
  switch (request.type) {
    case RTM_NEWLINK:
      return "create " + link_text(request);
    case RTM_SETLINK:
      return "change " + link_text(request);
    case RTM_DELLINK:
      return "delete " + link_text(request);
    case RTM_GETLINK:
      return "ask for " + link_text(request);
    case RTM_NEWADDR:
      return "add " + address_text(request);
    case RTM_DELADDR:
      return "delete " + address_text(request);
    case RTM_NEWROUTE:
      return "add " + route_text(request);
    case RTM_DELROUTE:
      return "delete " + route_text(request);
    case RTM_GETROUTE:
      return "look up " + route_text(request);
    case (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_DELTABLE:
      return "delete an nft table";
    case RTM_NEWRULE:
      return "add " + rule_text(request);
    case RTM_DELRULE:
      return "delete " + rule_text(request);
    case RTM_NEWNEIGH:
      return "add " + neighbour_text(request);
    case RTM_DELNEIGH:
      return "delete " + neighbour_text(request);
    case RTM_NEWNSID:
      return "give a namespace an id";
    case RTM_GETNSID:
      return "ask for the id of a namespace";
    default:
      return fmt::format("netlink request of type {}", request.type);
  }
}

}  // namespace netns_lab::netlink
