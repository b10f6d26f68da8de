#include "harness/testing/subject.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/testing/matchers.h"

namespace netns_lab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Prefix prefix(const char* text) { return Prefix::parse(text).value(); }

const std::vector<Prefix> kUplink = {prefix("192.0.2.66/26"), prefix("2001:db8::2/64")};

Topology with_container(const char* address) {
  Topology topology;
  topology.attachments.resize(1);
  topology.attachments[0].addresses = {prefix(address)};
  return topology;
}

TEST(CheckAddresses, TakesASubnetBesideTheNodes) {
  EXPECT_THAT(check_addresses(with_container("172.16.0.2/24"), kUplink), IsOk());
  EXPECT_THAT(check_addresses(with_container("192.0.2.2/26"), kUplink), IsOk());
}

struct OverlapRow {
  const char* name;
  const char* container;
};
void PrintTo(const OverlapRow& row, std::ostream* out) { *out << row.container; }
class Overlap : public ::testing::TestWithParam<OverlapRow> {};

TEST_P(Overlap, IsInvalid) {
  const auto checked = check_addresses(with_container(GetParam().container), kUplink);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(checked.error().message(), HasSubstr("node's own subnet"));
}

const OverlapRow kOverlaps[] = {
    {"AddressInTheNodesSubnet", "192.0.2.70/32"},
    {"SubnetAroundTheNodes", "192.0.2.2/24"},  // its address alone is in no subnet of the node
    {"SubnetAroundTheNodesIpv6", "2001:db8:0:0:1::1/48"},
};
INSTANTIATE_TEST_SUITE_P(Rows, Overlap, ::testing::ValuesIn(kOverlaps),
                         [](const auto& row) { return std::string(row.param.name); });

protocol::HelloReply node() {
  protocol::HelloReply hello;
  hello.node = "node-1";
  hello.uplink_addresses = kUplink;
  return hello;
}

TEST(CheckNodeAddress, TakesTheUplinksAndNone) {
  Topology topology;
  EXPECT_THAT(check_node_address(topology, node()), IsOk());
  topology.node_address = IpAddress::v4(192, 0, 2, 66);
  EXPECT_THAT(check_node_address(topology, node()), IsOk());
}

TEST(CheckNodeAddress, RefusesAnotherAndTellsTheRightOne) {
  Topology topology;
  topology.node_address = IpAddress::v4(10, 0, 0, 10);
  const auto checked = check_node_address(topology, node());
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(checked.error().message(),
              AllOf(HasSubstr("10.0.0.10"), HasSubstr("node-1"), HasSubstr("it has 192.0.2.66")));
}

TEST(CheckDescriptors, TakesEnough) { EXPECT_THAT(check_descriptors(576, 576, "node-1", false), IsOk()); }

TEST(CheckDescriptors, TellsHowManyAndWhoCanRaiseThem) {
  const auto here = check_descriptors(575, 576, "this machine", false);
  ASSERT_FALSE(here);
  EXPECT_EQ(here.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(here.error().message(), AllOf(HasSubstr("this machine"), HasSubstr("576 descriptors"), HasSubstr("575"),
                                            HasSubstr("as root: ulimit -n 576")));
  const auto standing = check_descriptors(575, 576, "node-1", true);
  ASSERT_FALSE(standing);
  EXPECT_THAT(standing.error().message(), AllOf(HasSubstr("node-1"), HasSubstr("make it anew")));
}

TEST(CheckUnspoilt, LeavesAStateDiskToWhoeverKeepsSomethingOnIt) {
  Snapshot first;
  first.namespaces.emplace_back();
  Snapshot now = first;
  now.files = {"/state/kept", "/state/more/of it"};
  EXPECT_THAT(check_unspoilt(first, now, LabSpec()), IsOk());
  now.files.emplace_back("/etc/stated");
  const auto spoilt = check_unspoilt(first, now, LabSpec());
  ASSERT_FALSE(spoilt);
  EXPECT_THAT(spoilt.error().message(), AllOf(HasSubstr("/etc/stated"), ::testing::Not(HasSubstr("/state/"))));
}

TEST(DeclaredSettings, ThatTheKernelLacksAreTheMachinesFault) {
  Topology topology;
  topology.build.emplace_back(SetSysctl{"", "net.bridge.bridge-nf-call-iptables", "1"});
  topology.build.emplace_back(SetSysctl{"netns1", "net.ipv4.no_such", "1"});
  NamespaceState own;
  EXPECT_THAT(check_declared_settings(topology, &own, "node-1"), IsOk());  // not read
  own.sysctls["net.ipv4.ip_forward"] = "0";
  const auto lacking = check_declared_settings(topology, &own, "node-1");
  ASSERT_FALSE(lacking);
  EXPECT_EQ(lacking.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(lacking.error().message(),
              testing::AllOf(testing::HasSubstr("net.bridge.bridge-nf-call-iptables=1 on node-1"),
                             testing::HasSubstr("modprobe br_netfilter")));
  own.sysctls["net.bridge.bridge-nf-call-iptables"] = "0";
  EXPECT_THAT(check_declared_settings(topology, &own, "node-1"), IsOk());
}

}  // namespace
}  // namespace netns_lab
