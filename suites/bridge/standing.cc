// The judgements that are those of every node with a bridge and two containers (Bridge::judge_…), in the order in which
// one rests on another.
#include <linux/if.h>

#include <map>
#include <set>

#include "harness/testing/matchers.h"
#include "suites/bridge/fixture.h"
#include "suites/bridge/settings.h"
#include "suites/common/reach_table.h"

namespace netns_lab::bridge {
namespace {

using ::testing::AllOf;
using ::testing::Ne;

// On a Link.
::testing::Matcher<const Link&> SetLikePort(const std::vector<ExpectedSetting>& expected) {
  return finds_nothing<Link>("is a port set as the kernel sets one",
                             [expected](const Link& link) { return setting_findings(link.bridge_port, expected); });
}
::testing::Matcher<const Link&> SetLikeBridge(const std::vector<ExpectedSetting>& expected) {
  return finds_nothing<Link>("is a bridge set as the kernel sets one",
                             [expected](const Link& link) { return setting_findings(link.bridge, expected); });
}

constexpr std::uint32_t kLinkFlags = IFF_BROADCAST | IFF_MULTICAST | IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

}  // namespace

void Bridge::judge_target_reports_success() {
  EXPECT_TRUE(build_outcome().succeeded) << build_outcome().failure << "\n" << build_outcome().output;
}

void Bridge::judge_namespaces_are_mounts_of_nsfs() {
  for (const std::size_t container : kContainers) expect_mount_of_namespace(con(container));
}

void Bridge::judge_namespaces_are_two_and_not_the_nodes_own() {
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_NE(state(con(container))->inode, state("")->inode)
        << con(container) << " is another name of the node's own network namespace";
  }
  EXPECT_NE(state(con(0))->inode, state(con(1))->inode) << con(0) << " and " << con(1) << " are one namespace";
}

void Bridge::judge_namespaces_have_one_name_each() {
  for (const std::size_t container : kContainers) expect_one_name(con(container));
}

void Bridge::judge_bridge_is_a_bridge_on_the_node() {
  ASSERT_THAT(state(""), Ne(nullptr));
  EXPECT_THAT(*state(""), HasLink(kBridge, OfKind("bridge")));
}

void Bridge::judge_host_links_are_veths_on_the_node() {
  ASSERT_THAT(state(""), Ne(nullptr));
  for (const std::size_t container : kContainers) EXPECT_THAT(*state(""), HasLink(port(container), OfKind("veth")));
}

void Bridge::judge_container_links_are_veths_in_the_namespaces() {
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasLink(inner(container), OfKind("veth")));
  }
}

void Bridge::judge_links_are_each_others_peer() {
  for (const std::size_t container : kContainers) expect_pair(port(container), con(container), inner(container));
}

void Bridge::judge_ports_are_the_two_host_links() {
  const Link* bridge = link("", kBridge);
  ASSERT_THAT(bridge, Ne(nullptr));
  std::set<std::string> ports;
  for (const Link& each : state("")->links) {
    if (each.master == bridge->index) ports.insert(each.name);
  }
  EXPECT_EQ(ports, (std::set<std::string>{port(0), port(1)})) << "ports of br0";
}

void Bridge::judge_bridge_is_up() { EXPECT_THAT(*state(""), HasLink(kBridge, UpWithCarrier(OperState::kUp))); }

void Bridge::judge_host_links_are_up() {
  for (const std::size_t container : kContainers)
    EXPECT_THAT(*state(""), HasLink(port(container), UpWithCarrier(OperState::kUp)));
}

void Bridge::judge_container_links_are_up() {
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasLink(inner(container), UpWithCarrier(OperState::kUp)));
  }
}

void Bridge::judge_ports_forward() {
  for (const std::size_t container : kContainers)
    EXPECT_THAT(*state(""), HasLink(port(container), SetLikePort({{"state", kForwarding}})));
}

void Bridge::judge_ports_are_set_as_the_kernel_makes_them() {
  for (const std::size_t container : kContainers)
    EXPECT_THAT(*state(""), HasLink(port(container), SetLikePort(port_defaults())));
}

void Bridge::judge_bridge_is_set_as_the_kernel_makes_it() {
  EXPECT_THAT(*state(""), HasLink(kBridge, SetLikeBridge(bridge_defaults())));
}

void Bridge::judge_bridge_has_its_flags() {
  EXPECT_THAT(*state(""), HasLink(kBridge, AllOf(WithFlags(kLinkFlags), WithoutMaster())));
}

void Bridge::judge_host_links_have_their_flags() {
  for (const std::size_t container : kContainers)
    EXPECT_THAT(*state(""), HasLink(port(container), WithFlags(kLinkFlags)));
}

void Bridge::judge_container_links_have_their_flags() {
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasLink(inner(container), AllOf(WithFlags(kLinkFlags), WithoutMaster())));
  }
}

void Bridge::judge_loopbacks_are_up() {
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    // lo never reports more than UNKNOWN.
    EXPECT_THAT(*state(con(container)), HasLink("lo", UpWithCarrier(OperState::kUnknown)));
  }
}

void Bridge::judge_mtu_is_the_same_everywhere() {
  for (const DeclaredLink& each : links_of_part_2()) {
    const Link* found = link(each.network_namespace, each.name);
    ASSERT_THAT(found, Ne(nullptr)) << each.name;
    EXPECT_EQ(found->mtu, mtu()) << "MTU of " << each.name;
  }
}

void Bridge::judge_mac_addresses_differ() {
  // A bridge without an address of its own takes its lowest port's (br_stp_recalculate_bridge_id, net/bridge).
  std::map<MacAddress, std::string> owners;
  for (const DeclaredLink& each : links_of_part_2()) {
    const Link* found = link(each.network_namespace, each.name);
    ASSERT_THAT(found, Ne(nullptr)) << each.name;
    const bool is_unicast = !found->mac.is_zero() && (found->mac.bytes()[0] & 1) == 0;
    EXPECT_TRUE(is_unicast) << each.name << "'s MAC " << found->mac << " is no unicast address";
    if (each.name == kBridge) continue;
    const auto [owner, is_new] = owners.emplace(found->mac, each.name);
    EXPECT_TRUE(is_new) << each.name << " and " << owner->second << " have the same MAC address " << found->mac;
  }
  for (const std::size_t container : kContainers) {
    EXPECT_NE(link("", kBridge)->mac, link(con(container), inner(container))->mac)
        << "br0 and " << inner(container) << " have the same MAC address";
  }
}

void Bridge::judge_bridge_has_exactly_its_address() {
  EXPECT_THAT(*state(""), HasExactlyAddresses(kBridge, declared_addresses("", kBridge)));
}

void Bridge::judge_containers_have_exactly_their_addresses() {
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasExactlyAddresses(inner(container), {own(container)}));
  }
}

void Bridge::judge_ports_have_no_address() {
  for (const std::size_t container : kContainers) EXPECT_THAT(*state(""), HasExactlyAddresses(port(container), {}));
}

void Bridge::judge_subnet_is_on_the_link_everywhere() {
  const Prefix of_bridge{bridge_address(), own(0).length};
  EXPECT_THAT(*state(""), HasExactlyRoute(connected_route(of_bridge, kBridge)));
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasExactlyRoute(connected_route(own(container), inner(container))));
  }
}

void Bridge::judge_namespaces_have_exactly_one_default_route_each() {
  for (const std::size_t container : kContainers) {
    ASSERT_THAT(state(con(container)), Ne(nullptr));
    EXPECT_THAT(*state(con(container)), HasExactlyRoute(declared_route(con(container))));
  }
}

void Bridge::judge_nodes_kernel_chooses_the_bridge() {
  for (const std::size_t container : kContainers) {
    RouteQuery query;
    query.destination = address(container);
    EXPECT_THAT(lookup(query), Chooses(kBridge, std::nullopt, bridge_address()));
  }
}

void Bridge::judge_namespaces_kernels_choose_the_gateway() {
  for (const std::size_t container : kContainers) {
    RouteQuery query;
    query.network_namespace = con(container);
    query.destination = uplink_address();
    EXPECT_THAT(lookup(query), Chooses(inner(container), bridge_address(), address(container)));
  }
}

void Bridge::judge_namespaces_kernels_choose_the_link_for_neighbours() {
  for (const std::size_t container : kContainers) {
    for (const IpAddress& destination : {address(other(container)), bridge_address()}) {
      RouteQuery query;
      query.network_namespace = con(container);
      query.destination = destination;
      EXPECT_THAT(lookup(query), Chooses(inner(container), std::nullopt, address(container)));
    }
  }
}

void Bridge::judge_no_neighbours_made_by_hand() {
  judge_undeclared(Area::kNeighbours);
  // What is known of each other (by the target's own packets, if it sent any) is what they are.
  for (const std::size_t container : kContainers)
    expect_owner_known(link(con(container), inner(container)), address(container));
  expect_owner_known(link("", kBridge), bridge_address());
}

void Bridge::judge_no_forwarding_entries_made_by_hand() { judge_undeclared(Area::kForwarding); }

void Bridge::judge_every_pair_reaches_as_expected() {
  suites::ReachTable table;
  std::string why_not;
  for (const Journey& each : truth_table()) {
    EchoExpectation want;
    want.reply_from = each.to;
    want.request_from = each.source;
    want.way = each.way;
    want.payload_intact = true;
    const EchoReport report = ping(echo(each.from, each.to, kPayload));
    std::vector<std::string> findings = echo_findings(report, want);
    if (!findings.empty()) why_not += why(report, each.way);
    table.add(each.from, each.to.to_string(), std::move(findings));
  }
  EXPECT_EQ(table.size(), 12U);
  EXPECT_TRUE(table.all_reached()) << table.text() << why_not;
}

void Bridge::judge_containers_reach_each_other() {
  for (const std::size_t container : kContainers) expect_answered(between(container, other(container)), kPayload);
}

}  // namespace netns_lab::bridge
