#include "suites/overlay/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "suites/common/scenario_check.h"
#include "suites/overlay/requirements.h"

namespace netns_lab::overlay {
namespace {

using suites::RefusedRow;

Parameters defaults() { return suites::defaults_of(scenario()); }

class RefusedOverlayParameter : public ::testing::TestWithParam<RefusedRow> {};
TEST_P(RefusedOverlayParameter, IsInvalidWithOneClearLine) { suites::check_refused(scenario(), GetParam()); }

const RefusedRow kRefused[] = {
    {"UnknownTunnel", "TUNNEL", "gre", Family::kIpv4, "give vxlan or tun"},
    {"NoTunnel", "TUNNEL", "", Family::kIpv4, "give vxlan or tun"},
    {"UnknownForwarding", "FDB", "none", Family::kIpv4, "give learning or static"},
    {"NetworkZero", "VNI", "0", Family::kIpv4, "from 1 to 16777215"},
    {"NetworkOfTooManyBits", "VNI", "16777216", Family::kIpv4, "from 1 to 16777215"},
    {"NoNetwork", "VNI", "", Family::kIpv4, "VXLAN network identifier"},
    {"PortThatIsNone", "PORT", "65536", Family::kIpv4, "is no UDP port"},
    {"PortInWords", "PORT", "vxlan", Family::kIpv4, "is no UDP port"},
    {"OneTunnelEndTwice", "TO_TUNNEL_IP", "172.16.255.1", Family::kIpv4, "TUNNEL_IP as well"},
    {"OtherEndElsewhere", "TO_TUNNEL_IP", "172.16.254.2", Family::kIpv4, "the subnet of TUNNEL_IP"},
    {"TunnelsSubnetOfOne", "TUNNEL_LENGTH", "32", Family::kIpv4, "give a number from 8 to 31"},
    {"TunnelsSubnetItself", "TO_TUNNEL_IP", "172.16.255.0", Family::kIpv4, "no host's in 172.16.255.0/24"},
    {"TunnelsBroadcast", "TO_TUNNEL_IP", "172.16.255.255", Family::kIpv4, "no host's in 172.16.255.0/24"},
    {"TunnelAmongContainers", "TUNNEL_IP", "172.16.0.77", Family::kIpv4, "TUNNEL_IP"},
    {"MulticastMac", "TUNNEL_MAC", "01:00:5e:00:00:01", Family::kIpv4, "no MAC address that a link can have"},
    {"OneMacTwice", "TO_TUNNEL_MAC", "02:00:ac:10:ff:01", Family::kIpv4, "TUNNEL_MAC as well"},
    {"OneSubnetForBoth", "TO_BRIDGE_SUBNET", "172.16.0.0/24", Family::kIpv4, "as well"},
    {"TunnelOfTheOtherFamily", "TUNNEL_IP6", "172.16.255.1", Family::kIpv6, "TUNNEL_IP6 takes IPv6"},
};
INSTANTIATE_TEST_SUITE_P(Rows, RefusedOverlayParameter, ::testing::ValuesIn(kRefused), suites::name_of);

template <typename Made>
std::vector<Made> all_of(const Topology& topology) {
  std::vector<Made> found;
  for (const Change& change : topology.build) {
    if (const auto* one = std::get_if<Made>(&change)) found.push_back(*one);
  }
  return found;
}

std::vector<Topology> topologies(const Parameters& changed, Family family) {
  Parameters parameters = defaults();
  for (const auto& [name, value] : changed) parameters[name] = value;
  return scenario().topologies(parameters, family).value();
}

TEST(OverlayScenario, AsksForNodesOnSegmentsOfTheirOwn) {
  EXPECT_EQ(scenario().nodes(), 2U);
  EXPECT_EQ(scenario().underlay, Underlay::kRouted);
}

TEST(OverlayScenario, EachEndOfAVxlanLeadsToTheOther) {
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const auto nodes = topologies({}, family);
    for (const std::size_t node : {0U, 1U}) {
      const auto links = all_of<CreateVxlan>(nodes.at(node));
      ASSERT_EQ(links.size(), 1U);
      EXPECT_EQ(links.front().local, *nodes.at(node).node_address);
      EXPECT_EQ(links.front().remote, nodes.at(1 - node).node_address);
      EXPECT_EQ(links.front().vni, 42U);
      EXPECT_EQ(links.front().port, 4789);
      EXPECT_EQ(links.front().mtu, family == Family::kIpv4 ? 1450U : 1430U);
      EXPECT_TRUE(all_of<AddForwarding>(nodes.at(node)).empty());
      EXPECT_TRUE(nodes.at(node).daemons.empty());
    }
  }
}

// RFC 3021, RFC 6164: both addresses of such a subnet are ends'.
TEST(OverlayScenario, ATunnelMayHaveASubnetOfTwo) {
  const auto four =
      topologies({{"TUNNEL_LENGTH", "31"}, {"TUNNEL_IP", "10.9.9.254"}, {"TO_TUNNEL_IP", "10.9.9.255"}}, Family::kIpv4);
  const auto six = topologies({{"TUNNEL_LENGTH6", "127"}, {"TUNNEL_IP6", "fd00:9::"}, {"TO_TUNNEL_IP6", "fd00:9::1"}},
                              Family::kIpv6);
  const auto has = [](const Topology& topology, const char* prefix) {
    const auto added = all_of<AddAddress>(topology);
    return std::any_of(added.begin(), added.end(),
                       [&](const AddAddress& one) { return one.prefix == Prefix::parse(prefix).value(); });
  };
  EXPECT_TRUE(has(four.at(0), "10.9.9.254/31") && has(four.at(1), "10.9.9.255/31"));
  EXPECT_TRUE(has(six.at(0), "fd00:9::/127") && has(six.at(1), "fd00:9::1/127"));
}

TEST(OverlayScenario, StaticEntriesNameTheOthersMacAndAll) {
  const auto nodes = topologies({{"FDB", "static"}}, Family::kIpv4);
  for (const std::size_t node : {0U, 1U}) {
    const CreateVxlan own = all_of<CreateVxlan>(nodes.at(node)).front();
    const CreateVxlan other = all_of<CreateVxlan>(nodes.at(1 - node)).front();
    EXPECT_FALSE(own.learning);
    EXPECT_FALSE(own.remote);
    const auto entries = all_of<AddForwarding>(nodes.at(node));
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_TRUE(entries[0].mac.is_zero());
    EXPECT_EQ(entries[1].mac, other.mac);
    for (const AddForwarding& entry : entries) EXPECT_EQ(entry.destination, other.local);
  }
}

TEST(OverlayScenario, ATunIsRelayedAtPort9000AndMayHaveItsDaemon) {
  const auto nodes = topologies({{"TUNNEL", "tun"}}, Family::kIpv4);
  for (const std::size_t node : {0U, 1U}) {
    const auto relays = all_of<CreateTunRelay>(nodes.at(node));
    ASSERT_EQ(relays.size(), 1U);
    EXPECT_EQ(relays.front().port, 9000);
    EXPECT_EQ(relays.front().mtu, 1472U);
    EXPECT_EQ(relays.front().remote, *nodes.at(1 - node).node_address);
    EXPECT_THAT(nodes.at(node).daemons, ::testing::ElementsAre("socat"));
    EXPECT_THAT(nodes.at(node).links, ::testing::Contains("tun0"));
  }
}

TEST(OverlayScenario, ContainersAreReachedThroughTheTunnel) {
  for (const char* tunnel : {"vxlan", "tun"}) {
    const auto nodes = topologies({{"TUNNEL", tunnel}}, Family::kIpv4);
    const auto routes = all_of<AddRoute>(nodes.front());
    const auto way = std::find_if(routes.begin(), routes.end(),
                                  [](const AddRoute& route) { return route.network_namespace.empty(); });
    ASSERT_NE(way, routes.end());
    EXPECT_EQ(way->route.destination, Prefix::parse("172.16.1.0/24").value());
    EXPECT_EQ(way->route.hops.front().gateway, IpAddress::v4(172, 16, 255, 2));
    EXPECT_EQ(way->route.hops.front().link, nodes.front().links.back());
  }
}

TEST(OverlayRequirements, AreUniqueWholeAndRestOnEarlierOnes) { suites::check_catalogue("overlay", requirements()); }

}  // namespace
}  // namespace netns_lab::overlay
