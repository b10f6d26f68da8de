#include "harness/model/route.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ostream>

#include "harness/base/error.h"
#include "harness/model/flag_text.h"

namespace netns_lab {
namespace {

// RTNH_F_* and RTM_F_* of linux/rtnetlink.h that say something to a person.
constexpr std::array kFlagNames{
    FlagName{0x1, "dead"},      FlagName{0x2, "pervasive"},   FlagName{0x4, "onlink"},   FlagName{0x8, "offload"},
    FlagName{0x10, "linkdown"}, FlagName{0x20, "unresolved"}, FlagName{0x200, "cloned"},
};

// RTPROT_* as iproute2's /etc/iproute2/rt_protos names them.
std::string protocol_text(std::uint8_t protocol) {
  switch (protocol) {
    case 0:
      return "unspec";
    case 1:
      return "redirect";
    case 2:
      return "kernel";
    case 3:
      return "boot";
    case 4:
      return "static";
    case 9:
      return "ra";
    case 16:
      return "dhcp";
    case 186:
      return "bgp";
    case 188:
      return "ospf";
    default:
      return std::to_string(protocol);
  }
}

std::string table_text(std::uint32_t table) {
  switch (table) {
    case 253:
      return "default";
    case kMainTable:
      return "main";
    case kLocalTable:
      return "local";
    default:
      return std::to_string(table);
  }
}

// FR_ACT_* of linux/fib_rules.h.
std::string action_text(const RoutingRule& rule) {
  switch (rule.action) {
    case 1:
      return "lookup " + table_text(rule.table);
    case 2:
      return "goto";
    case 3:
      return "nop";
    case 6:
      return "blackhole";
    case 7:
      return "unreachable";
    case 8:
      return "prohibit";
    default:
      return fmt::format("action {}", rule.action);
  }
}

std::string prefix_text(const Prefix& prefix) {
  if (prefix.is_default_route()) return "default";
  return prefix.is_host() ? prefix.address.to_string() : prefix.to_string();
}

void print_hop(std::ostream& out, const NextHop& hop, bool with_weight) {
  if (hop.gateway) out << " via " << *hop.gateway;
  if (!hop.link.empty()) {
    out << " dev " << hop.link;
  } else if (hop.link_index != 0) {
    out << " dev #" << hop.link_index;
  }
  if (with_weight) out << " weight " << hop.weight;
}

}  // namespace

std::string to_string(RouteType type) {
  switch (type) {
    case RouteType::kUnspecified:
      return "none";
    case RouteType::kUnicast:
      return "unicast";
    case RouteType::kLocal:
      return "local";
    case RouteType::kBroadcast:
      return "broadcast";
    case RouteType::kAnycast:
      return "anycast";
    case RouteType::kMulticast:
      return "multicast";
    case RouteType::kBlackhole:
      return "blackhole";
    case RouteType::kUnreachable:
      return "unreachable";
    case RouteType::kProhibit:
      return "prohibit";
    case RouteType::kThrow:
      return "throw";
  }
  return std::to_string(static_cast<unsigned>(type));
}

std::ostream& operator<<(std::ostream& out, const Route& route) {
  if (route.type != RouteType::kUnicast) out << to_string(route.type) << ' ';
  out << prefix_text(route.destination);
  if (route.destination.is_default_route() && !route.destination.address.is_v4()) out << " (IPv6)";
  if (route.source) out << " from " << prefix_text(*route.source);
  if (route.tos != 0) out << fmt::format(" tos 0x{:02x}", route.tos);
  if (route.hops.size() == 1) print_hop(out, route.hops.front(), false);
  if (route.table != kMainTable) out << " table " << table_text(route.table);
  out << " proto " << protocol_text(route.protocol) << " scope " << to_string(route.scope);
  if (route.preferred_source) out << " src " << *route.preferred_source;
  if (route.metric != 0) out << " metric " << route.metric;
  if (route.mtu) out << " mtu " << *route.mtu;
  for (const auto& [name, value] : route.other_metrics) out << ' ' << name << ' ' << value;
  if (route.flags != 0) out << ' ' << flag_text(route.flags, kFlagNames);
  if (route.hops.size() > 1) {
    for (const NextHop& hop : route.hops) {
      out << " nexthop";
      print_hop(out, hop, true);
    }
  }
  return out;
}

std::ostream& operator<<(std::ostream& out, const RoutingRule& rule) {
  out << to_string(rule.family) << " rule " << rule.priority << ": from "
      << (rule.source ? prefix_text(*rule.source) : std::string("all"));
  if (rule.destination) out << " to " << prefix_text(*rule.destination);
  if (!rule.input_link.empty()) out << " iif " << rule.input_link;
  if (!rule.output_link.empty()) out << " oif " << rule.output_link;
  if (rule.mark != 0 || rule.mark_mask != 0) out << fmt::format(" fwmark 0x{:x}/0x{:x}", rule.mark, rule.mark_mask);
  for (const auto& [name, value] : rule.other) out << ' ' << name << (value.empty() ? "" : " ") << value;
  out << ' ' << action_text(rule);
  if (rule.protocol != 0) out << " proto " << protocol_text(rule.protocol);
  return out;
}

std::string refusal_text(const RouteAnswer& answer) {
  const auto reason = [&]() -> std::string {
    if (!answer.kernel_text.empty()) return answer.kernel_text;
    switch (answer.system_errno) {
      case EINVAL:
        return "a blackhole route, or a source that cannot be";
      case EACCES:
        return "a prohibit route";
      case EHOSTUNREACH:
        return "an unreachable route";
      default:
        return strerrordesc_np(answer.system_errno) != nullptr ? strerrordesc_np(answer.system_errno) : "unknown error";
    }
  };
  return fmt::format("{} ({})", errno_name(answer.system_errno), reason());
}

std::ostream& operator<<(std::ostream& out, const RouteAnswer& answer) {
  if (answer.system_errno != 0) {
    out << "no route: " << errno_name(answer.system_errno);
    if (!answer.kernel_text.empty()) out << " (" << answer.kernel_text << ')';
    return out;
  }
  out << to_string(answer.type);
  if (answer.gateway) out << " via " << *answer.gateway;
  if (!answer.output_link.empty()) {
    out << " dev " << answer.output_link;
  } else if (answer.output_link_index != 0) {
    out << " dev #" << answer.output_link_index;
  }
  if (answer.preferred_source) out << " src " << *answer.preferred_source;
  if (answer.table != 0) out << " table " << table_text(answer.table);
  if (answer.mtu) out << " mtu " << *answer.mtu;
  return out;
}

}  // namespace netns_lab
