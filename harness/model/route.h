// Routes, routing rules and route look-ups (RTM_NEWROUTE, RTM_NEWRULE, RTM_GETROUTE; linux/rtnetlink.h,
// linux/fib_rules.h).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/address.h"
#include "harness/model/interface_address.h"

namespace netns_lab {

// RTN_*.
enum class RouteType : std::uint8_t {
  kUnspecified = 0,
  kUnicast = 1,
  kLocal = 2,
  kBroadcast = 3,
  kAnycast = 4,
  kMulticast = 5,
  kBlackhole = 6,
  kUnreachable = 7,
  kProhibit = 8,
  kThrow = 9,
};
std::string to_string(RouteType type);

inline constexpr std::uint32_t kMainTable = 254;    // RT_TABLE_MAIN
inline constexpr std::uint32_t kLocalTable = 255;   // RT_TABLE_LOCAL
inline constexpr std::uint8_t kKernelProtocol = 2;  // RTPROT_KERNEL: added by the kernel itself
inline constexpr std::uint8_t kBootProtocol = 3;    // RTPROT_BOOT: what `ip route add` uses

struct NextHop {
  std::uint32_t link_index = 0;  // 0: none
  std::string link;
  std::optional<IpAddress> gateway;
  std::uint32_t weight = 1;
  std::uint32_t flags = 0;  // RTNH_F_*
  bool operator==(const NextHop&) const = default;
};

struct Route {
  Prefix destination;            // 0.0.0.0/0 or ::/0 is the default route
  std::optional<Prefix> source;  // IPv6 source routing
  RouteType type = RouteType::kUnicast;
  std::uint32_t table = kMainTable;
  std::uint8_t protocol = kBootProtocol;  // RTPROT_*
  Scope scope = Scope::kGlobal;
  std::uint32_t metric = 0;
  std::uint8_t tos = 0;
  std::optional<IpAddress> preferred_source;
  std::optional<std::uint32_t> mtu;  // RTAX_MTU
  // Every other RTAX_*, by its name in ip-route(8): "advmss" -> "500", "congctl" -> "bbr". Seen, never set by us.
  std::map<std::string, std::string> other_metrics;
  std::uint32_t flags = 0;  // RTM_F_*, RTNH_F_* of the first hop
  std::vector<NextHop>
      hops;  // one for an ordinary route, several for a multipath route, none for blackhole and the like
  bool is_default() const { return destination.length == 0; }
  bool operator==(const Route&) const = default;
};
std::ostream& operator<<(std::ostream& out,
                         const Route& route);  // "default via 10.0.0.1 dev eth0 proto boot scope global"

struct RoutingRule {
  Family family = Family::kIpv4;
  std::uint32_t priority = 0;
  std::uint32_t table = 0;
  std::uint8_t action = 1;  // FR_ACT_*: 1 to-table
  std::optional<Prefix> source;
  std::optional<Prefix> destination;
  std::string input_link;
  std::string output_link;
  std::uint32_t mark = 0;
  std::uint32_t mark_mask = 0;
  std::uint8_t protocol = 0;
  // Every other condition and consequence, by its name in ip-rule(8): "not" -> "", "dport" -> "22-22"; "multicast"
  // -> "" of what decides which multicast routes are asked (ip-mrule(8)). Seen, never set by us.
  std::map<std::string, std::string> other{};
  bool operator==(const RoutingRule&) const = default;
};
std::ostream& operator<<(std::ostream& out, const RoutingRule& rule);

// What to ask the kernel's FIB: "which way would a packet take?"
struct RouteQuery {
  std::string network_namespace;  // "" the node's own
  IpAddress destination;
  std::optional<IpAddress> source;
  std::string input_link;  // set: as a packet received there (the answer then is about forwarding)
  std::uint32_t mark = 0;
  bool operator==(const RouteQuery&) const = default;
};

// The kernel's answer. A refusal (ENETUNREACH …) is an observation about the subject, not an error.
struct RouteAnswer {
  int system_errno = 0;  // 0: found
  std::string kernel_text;
  RouteType type = RouteType::kUnspecified;
  std::string output_link;
  std::uint32_t output_link_index = 0;
  std::optional<IpAddress> gateway;
  std::optional<IpAddress> preferred_source;
  std::uint32_t table = 0;
  std::optional<std::uint32_t> mtu;  // set when a path-MTU exception applies
  bool operator==(const RouteAnswer&) const = default;
};
// Of a refusal: "EINVAL (a blackhole route)", "ENETUNREACH (Network is unreachable)"; the kernel gives each type of
// route that throws packets away an errno of its own (fib_props in net/ipv4/fib_semantics.c, ip6_rt_type_to_error in
// net/ipv6/route.c).
std::string refusal_text(const RouteAnswer& answer);
std::ostream& operator<<(std::ostream& out, const RouteAnswer& answer);

}  // namespace netns_lab
