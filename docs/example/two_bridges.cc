// Two bridges on one node, joined by a namespace that routes between them: the scenario, and five claims beside those
// that every scenario has. README.md draws it.
#include "suites/common/part.h"

namespace netns_lab::two_bridges {
using suites::host_in;

Result<Topology> topology(const Parameters& parameters, Family family) {
  NETNS_LAB_ASSIGN(const Prefix left, suites::subnet_of_family(parameters, "LEFT", family));
  NETNS_LAB_ASSIGN(const Prefix right, suites::subnet_of_family(parameters, "RIGHT", family));
  suites::Layout net;
  net.pair({.link = "red0", .bridge = "left"}, {"red", "eth0", host_in(left, 2), host_in(left, 1).address});
  net.pair({.link = "blue0", .bridge = "right"}, {"blue", "eth0", host_in(right, 2), host_in(right, 1).address});
  net.pair({.link = "router0", .bridge = "left"}, {"router", "eth0", host_in(left, 1)});
  net.pair({.link = "router1", .bridge = "right"}, {"router", "eth1", host_in(right, 1)});
  net.forwarding("router", family);
  return net.topology();
}

Scenario scenario() {
  const suites::Catalogue claims("two-bridges", "docs/adding-a-part.md");
  Scenario made;
  made.name = "two-bridges";
  made.title = "Two bridges joined by a namespace that routes between them";
  made.parameters = {{"LEFT", "10.1.0.0/24", "the subnet of red: the router is .1, red .2"},
                     {"RIGHT", "10.2.0.0/24", "the subnet of blue, likewise"},
                     {"LEFT6", "fd00:1::/64", "the subnet of red in IPv6"},
                     {"RIGHT6", "fd00:2::/64", "the subnet of blue in IPv6"}};
  made.families = {Family::kIpv4, Family::kIpv6};
  made.kernel_options = {"CONFIG_BRIDGE"};
  made.topology = topology;
  const std::vector<Requirement> own = {
      claims.must("gateway-chosen", "RFC 1122, 3.3.1.2", "red and blue send packets for each other to the router.",
                  {"routes"}, "Nothing else can pass them on."),
      claims.must("routed", "RFC 1812, 5.2.1", "Echoes between red and blue cross exactly one router, unchanged.",
                  {"gateway-chosen"}, "This is what the network is for."),
      claims.must("full-mtu", "RFC 791, 2.3; RFC 8200, 5", "So do echoes that fill the MTU.", {"routed"},
                  "What carries small packets only fails under load."),
      claims.must("udp-tcp", "RFC 768; RFC 9293", "UDP and TCP between red and blue come back intact.", {"routed"},
                  "A filter that lets echoes pass is easily overlooked."),
      claims.must("node-apart", "docs/adding-a-part.md", "The node sends nothing for red and blue to a bridge.", {},
                  "A node with a way in is a second router."),
  };
  made.requirements = claims.as_declared(own, "routed");
  return made;
}

class TwoBridges : public suites::DeclaredCases {};
NETNS_LAB_SUITE(TwoBridges, "two-bridges");
NETNS_LAB_DECLARED(TwoBridges, "two-bridges");
NETNS_LAB_CLAIM(TwoBridges, GatewayIsChosen, "two-bridges.gateway-chosen", expect_gateway_chosen(both_ways(0, 1)));
NETNS_LAB_CLAIM(TwoBridges, OneRouterIsCrossed, "two-bridges.routed", expect_reached(both_ways(0, 1), {.ttl = 63}));
NETNS_LAB_CLAIM(TwoBridges, FullPacketsPass, "two-bridges.full-mtu",
                expect_reached(both_ways(0, 1), {.ttl = 63, .payload = full_payload(), .dont_fragment = true}));
NETNS_LAB_CLAIM(TwoBridges, UdpAndTcpPass, "two-bridges.udp-tcp", expect_served(both_ways(0, 1)));
NETNS_LAB_CLAIM(TwoBridges, NodeIsApart, "two-bridges.node-apart", expect_node_apart());
NETNS_LAB_LIFE(TwoBridges, "two-bridges", expect_reached(subject, both_ways(0, 1), {.ttl = 63}));

}  // namespace netns_lab::two_bridges
