#include "harness/node/network_state.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/mroute.h>
#include <linux/mroute6.h>

#include <algorithm>
#include <fstream>

#include "harness/netns/named.h"
#include "harness/node/apply.h"
#include "harness/node/network_fixture.h"
#include "harness/node/part_1.h"
#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using test::machine;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class NetworkStateTest : public NetworkFixture {
 protected:
  std::vector<NamespaceState> read(const std::vector<std::string>& names = {"netns1"},
                                   const SnapshotOptions& options = {}) {
    auto states = read_network_states(handles(), names, options);
    if (!states) throw std::runtime_error(states.error().message());
    return std::move(*states).take();
  }
  void arrange(const std::vector<Change>& changes) {
    const auto done = apply_changes(handles(), changes);
    if (!done) throw std::runtime_error(done.error().message());
  }
};

TEST_F(NetworkStateTest, HoldsBothNamespacesOfTheScenarioAndNamesThePeers) {
  arrange(single_namespace());
  const auto states = read();
  ASSERT_THAT(states, SizeIs(2));
  const NamespaceState& own = states[0];
  const NamespaceState& inside = states[1];
  EXPECT_EQ(own.name, "");
  EXPECT_EQ(inside.name, "netns1");
  EXPECT_NE(own.inode, inside.inode);

  const Link* const near = own.find_link("veth1");
  const Link* const far = inside.find_link("veth2");
  ASSERT_NE(near, nullptr);
  ASSERT_NE(far, nullptr);
  EXPECT_EQ(near->peer_index, far->index);
  EXPECT_EQ(far->peer_index, near->index);
  ASSERT_TRUE(near->peer_netnsid.has_value());
  ASSERT_TRUE(far->peer_netnsid.has_value());
  EXPECT_EQ(own.netnsids.at(*near->peer_netnsid), inside.inode);
  EXPECT_EQ(inside.netnsids.at(*far->peer_netnsid), own.inode);

  ASSERT_THAT(inside.addresses_of("veth2"), Not(IsEmpty()));
  EXPECT_EQ(inside.addresses_of("veth2").front().prefix.to_string(), "10.200.1.1/32");
  const auto way_out = std::find_if(inside.routes.begin(), inside.routes.end(), [](const Route& route) {
    return route.is_default() && route.destination.address.is_v4();
  });
  ASSERT_NE(way_out, inside.routes.end());
  EXPECT_EQ(way_out->hops.front().link, "veth2");
  EXPECT_EQ(std::count_if(inside.rules.begin(), inside.rules.end(),
                          [](const RoutingRule& rule) { return !rule.other.contains("multicast"); }),
            5);
  EXPECT_THAT(inside.qdiscs, IsEmpty());
  EXPECT_THAT(inside.nft_tables, IsEmpty());
  EXPECT_THAT(inside.sockets, IsEmpty());
  EXPECT_THAT(inside.sysctls, IsEmpty());
}

TEST_F(NetworkStateTest, OrderDoesNotDependOnTheOrderOfCreation) {
  const std::vector<Change> base = {
      CreateNamespace{"a"}, CreateNamespace{"b"}, CreateLink{"a", "br0", "bridge"}, CreateLink{"b", "br0", "bridge"},
      raised("a", "br0"),   raised("b", "br0")};
  arrange(base);
  std::vector<Change> changes;
  for (const char* last : {"1", "2", "3"})
    changes.push_back(address_on("a", "br0", std::string("192.0.2.") + last + "/24"));
  for (const char* destination : {"10.1.0.0/16", "10.2.0.0/16", "10.0.0.0/8"})
    changes.push_back(AddRoute{"a", direct_route(destination, "br0")});
  arrange(changes);
  std::reverse(changes.begin(), changes.end());
  for (Change& change : changes) {
    if (auto* address = std::get_if<AddAddress>(&change)) address->network_namespace = "b";
    if (auto* route = std::get_if<AddRoute>(&change)) route->network_namespace = "b";
  }
  arrange(changes);
  const auto states = read({"a", "b"});
  const auto destinations = [](const NamespaceState& state) {
    std::vector<std::string> all;
    for (const Route& route : state.routes) {
      if (route.table == kMainTable && route.destination.address.is_v4()) all.push_back(route.destination.to_string());
    }
    return all;
  };
  EXPECT_EQ(destinations(states[1]), destinations(states[2]));
  EXPECT_THAT(destinations(states[1]),
              testing::ElementsAre("10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "192.0.2.0/24"));
  std::vector<Prefix> prefixes;
  for (const InterfaceAddress& address : states[2].addresses_of("br0")) prefixes.push_back(address.prefix);
  EXPECT_TRUE(std::is_sorted(prefixes.begin(), prefixes.end()));
  EXPECT_THAT(prefixes, Not(IsEmpty()));
}

// More than are held open together, and read on several threads.
TEST_F(NetworkStateTest, ManyNamespacesAreToldInTheOrderAskedEachAsIfItWereAlone) {
  std::vector<std::string> names;
  std::vector<Change> changes;
  for (std::size_t i = 0; i <= kNamespacesAtOnce; ++i) {
    names.push_back(fmt::format("n{}", i));
    changes.insert(changes.end(), {CreateNamespace{names.back()},
                                   pair_of(fmt::format("out{}", i), names.back(), fmt::format("in{}", i)),
                                   address_on(names.back(), "lo", fmt::format("10.0.{}.1/32", i))});
  }
  arrange(changes);
  std::swap(names.front(), names.back());
  SnapshotOptions options;
  options.all_sysctls = true;
  const auto states = read(names, options);
  ASSERT_THAT(states, SizeIs(names.size() + 1));
  EXPECT_EQ(states[0].name, "");
  EXPECT_EQ(states[0].netnsids.size(), names.size()) << "peers that could be named";
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto alone = read_network_state(handles(), names[i], options, names);
    ASSERT_TRUE(alone) << alone.error();
    EXPECT_EQ(states[i + 1], *alone);
  }
}

TEST_F(NetworkStateTest, BridgesTellTheirPortsAndTheirForwardingEntries) {
  CreateVeth port = pair_of("veth10", "netns1", "veth11");
  port.master = "br0";
  arrange({CreateNamespace{"netns1"}, CreateLink{"", "br0", "bridge"}, port, raised("", "br0")});
  const NamespaceState node = read({"netns1"}).front();
  EXPECT_EQ(node.find_link("veth10")->bridge_port.at("learning"), 1U);
  EXPECT_EQ(node.find_link("br0")->bridge.at("stp_state"), 0U);
  EXPECT_THAT(node.forwarding, testing::Contains(testing::AllOf(testing::Field(&ForwardingEntry::link, "veth10"),
                                                                testing::Field(&ForwardingEntry::bridge, "br0"))));
  EXPECT_THAT(read({"netns1"}).at(1).forwarding, IsEmpty());
}

// What a link of a pair takes in beside its own address, though no bridge and no VXLAN link is there.
TEST_F(NetworkStateTest, AFurtherMacAddressThatALinkTakesInIsTold) {
  const MacAddress further({2, 0, 0, 0, 0, 0x77});
  arrange({CreateNamespace{"netns1"}, pair_of("veth1", "netns1", "veth2"), raised("netns1", "veth2"),
           AddForwarding{"netns1", "veth2", further, IpAddress::v4(192, 0, 2, 1)}});
  EXPECT_THAT(read({"netns1"}).at(1).forwarding,
              testing::ElementsAre(testing::AllOf(testing::Field(&ForwardingEntry::link, "veth2"),
                                                  testing::Field(&ForwardingEntry::bridge, ""),
                                                  testing::Field(&ForwardingEntry::mac, further))));
}

TEST_F(NetworkStateTest, FilesThatAreNoNamespacesAreLeftOut) {
  arrange({CreateNamespace{"netns1"}});
  std::ofstream("/run/netns/leftover") << "x";
  const auto states = read({"leftover", "netns1", "vanished"});
  ASSERT_THAT(states, SizeIs(2));
  EXPECT_EQ(states[1].name, "netns1");
}

TEST_F(NetworkStateTest, SysctlsAreThoseOfEachNamespace) {
  arrange({CreateNamespace{"netns1"}, SetSysctl{"netns1", "net.ipv4.ip_forward", "1"},
           SetSysctl{"", "net.ipv4.ip_forward", "0"}});
  SnapshotOptions some;
  some.sysctls = {"net.ipv4.ip_forward"};
  SnapshotOptions all;
  all.all_sysctls = true;
  for (const SnapshotOptions& options : {some, all}) {
    const auto states = read({"netns1"}, options);
    EXPECT_EQ(states[0].sysctls.at("net.ipv4.ip_forward"), "0");
    EXPECT_EQ(states[1].sysctls.at("net.ipv4.ip_forward"), "1");
  }
  EXPECT_THAT(read({"netns1"}, some)[1].sysctls, SizeIs(1));
  EXPECT_GT(read({"netns1"}, all)[1].sysctls.size(), 200U);
}

// More of them than are read by way of /proc itself.
TEST_F(NetworkStateTest, SysctlsOfManyNamespacesAreEachItsOwn) {
  constexpr int kMany = 20;
  std::vector<std::string> names;
  for (int i = 0; i < kMany; ++i) {
    names.push_back(fmt::format("netns{}", 10 + i));
    arrange(
        {CreateNamespace{names.back()}, SetSysctl{names.back(), "net.ipv4.ip_default_ttl", fmt::to_string(10 + i)}});
  }
  SnapshotOptions all;
  all.all_sysctls = true;
  const auto states = read(names, all);
  ASSERT_THAT(states, SizeIs(kMany + 1));
  for (int i = 0; i < kMany; ++i) {
    EXPECT_EQ(states[1 + i].name, names[i]);
    EXPECT_EQ(states[1 + i].sysctls.at("net.ipv4.ip_default_ttl"), fmt::to_string(10 + i));
    EXPECT_EQ(states[1 + i].sysctls.size(), states[1].sysctls.size());
  }
}

TEST_F(NetworkStateTest, NeighboursAloneComeWithTheirLinks) {
  arrange(single_namespace());
  const IpAddress address = IpAddress::parse("10.200.1.9").value();
  arrange({AddNeighbour{"netns1", "veth2", address, MacAddress::parse("02:00:00:00:00:09").value()}});
  SnapshotOptions options;
  options.neighbours_only = true;
  const auto states = read({"netns1"}, options);
  const auto whole = read();
  ASSERT_THAT(states, SizeIs(2));
  // The kernel may add one of a multicast group between the two looks.
  const auto made_by_hand = [](std::vector<Neighbour> all) {
    std::erase_if(all, [](const Neighbour& each) { return !each.is_static(); });
    return all;
  };
  EXPECT_EQ(made_by_hand(states[1].neighbours), made_by_hand(whole[1].neighbours));
  EXPECT_THAT(states[1].neighbours, Contains(testing::AllOf(testing::Field(&Neighbour::address, address),
                                                            testing::Field(&Neighbour::link, "veth2"))));
  ASSERT_NE(states[1].find_link("veth2"), nullptr);
  EXPECT_EQ(states[1].find_link("veth2")->mac, whole[1].find_link("veth2")->mac);
  EXPECT_THAT(states[1].addresses, IsEmpty());
  EXPECT_THAT(states[1].routes, IsEmpty());
  EXPECT_THAT(states[1].rules, IsEmpty());
}

TEST_F(NetworkStateTest, PristineIsWhatAFreshNamespaceIs) {
  arrange({CreateNamespace{"netns1"}});
  SnapshotOptions options;
  options.all_sysctls = true;
  auto pristine = read_pristine_state(handles(), options);
  ASSERT_TRUE(pristine) << pristine.error();
  NamespaceState fresh = read({"netns1"}, options)[1];
  EXPECT_NE(pristine->inode, 0U);
  EXPECT_NE(pristine->inode, fresh.inode);
  fresh.name.clear();
  fresh.inode = pristine->inode;
  EXPECT_TRUE(*pristine == fresh);
}

// What is read, and what is taken from the node's own reading of when it was new.
TEST_F(NetworkStateTest, TheNewNodesSysctlsStandForThoseOfAPristineOneButForPinnedAndDifferingOnes) {
  SnapshotOptions options;
  options.all_sysctls = true;
  const Sysctls truth = read_pristine_state(handles(), options).value().sysctls;
  Sysctls own = truth;
  own["net.ipv4.tcp_retries1"] = "taken over";
  own["net.ipv4.tcp_retries2"] = "not taken over: the container has another value";
  own["net.ipv4.conf.default.rp_filter"] = "not taken over: pinned";
  own["net.ipv4.conf.all.forwarding"] = "not taken over: set along with a pinned one";
  own.erase("net.ipv4.tcp_syn_retries");
  Sysctls container = own;
  container["net.ipv4.tcp_retries2"] = "5";
  container["net.ipv4.tcp_syn_retries"] = "3";
  const std::vector<Sysctls> compared = {own, container};
  Sysctls expected = truth;
  expected["net.ipv4.tcp_retries1"] = "taken over";
  EXPECT_EQ(read_pristine_state(handles(), options, {&own, &compared}).value().sysctls, expected);
  EXPECT_EQ(read_pristine_state(handles(), options, {nullptr, &compared}).value().sysctls, truth);
}

TEST_F(NetworkStateTest, AMissingNamespaceIsSaidToBeMissing) {
  const auto state = read_network_state(handles(), "netns9", {});
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().kind, ErrorKind::kMissing);
}

TEST_F(NetworkStateTest, APeerThatCannotBeNamedHasNoInode) {
  arrange(single_namespace());
  const auto alone = read_network_state(handles(), "", {});  // netns1 is not among the known
  ASSERT_TRUE(alone) << alone.error();
  EXPECT_THAT(alone->netnsids, IsEmpty());
  const auto known = read_network_state(handles(), "", {}, {"netns1"});
  ASSERT_TRUE(known) << known.error();
  EXPECT_THAT(known->netnsids, SizeIs(1));
}

// Set by a socket that is no router's: they stay when it is closed.
TEST_F(NetworkStateTest, MulticastRoutesAreToldWithTheirLinks) {
  machine("ip link set lo up");
  const auto routes = [this] {
    std::vector<std::string> texts;
    const auto states = read({});
    for (const FurtherObject& object : states[0].further) {
      if (object.kind == "multicast route") texts.push_back(object.name + ", " + object.details);
    }
    return texts;
  };
  EXPECT_THAT(routes(), IsEmpty());
  const UniqueFd ipv4(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_IGMP));
  vifctl link{};
  link.vifc_flags = VIFF_USE_IFINDEX;
  link.vifc_threshold = 1;
  link.vifc_lcl_ifindex = 1;
  mfcctl route{};
  ::inet_pton(AF_INET, "10.0.0.1", &route.mfcc_origin);
  ::inet_pton(AF_INET, "239.1.1.1", &route.mfcc_mcastgrp);
  route.mfcc_ttls[0] = 1;
  if (::setsockopt(ipv4.get(), IPPROTO_IP, MRT_ADD_VIF, &link, sizeof link) != 0)
    GTEST_SKIP() << "this kernel lacks CONFIG_IP_MROUTE";
  ASSERT_EQ(::setsockopt(ipv4.get(), IPPROTO_IP, MRT_ADD_MFC, &route, sizeof route), 0);
  EXPECT_THAT(routes(), testing::ElementsAre("239.1.1.1 from 10.0.0.1, table 253 in by lo out of lo"));
  ASSERT_EQ(::setsockopt(ipv4.get(), IPPROTO_IP, MRT_DEL_MFC, &route, sizeof route), 0);
  ASSERT_EQ(::setsockopt(ipv4.get(), IPPROTO_IP, MRT_DEL_VIF, &link, sizeof link), 0);
  EXPECT_THAT(routes(), IsEmpty());

  const UniqueFd ipv6(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
  mif6ctl link6{};
  link6.vifc_threshold = 1;
  link6.mif6c_pifi = 1;
  mf6cctl route6{};
  ::inet_pton(AF_INET6, "fd00::1", &route6.mf6cc_origin.sin6_addr);
  ::inet_pton(AF_INET6, "ff15::1", &route6.mf6cc_mcastgrp.sin6_addr);
  IF_SET(0, &route6.mf6cc_ifset);
  if (::setsockopt(ipv6.get(), IPPROTO_IPV6, MRT6_ADD_MIF, &link6, sizeof link6) != 0)
    GTEST_SKIP() << "this kernel lacks CONFIG_IPV6_MROUTE";
  ASSERT_EQ(::setsockopt(ipv6.get(), IPPROTO_IPV6, MRT6_ADD_MFC, &route6, sizeof route6), 0);
  EXPECT_THAT(routes(), testing::ElementsAre("ff15::1 from fd00::1, table 254 in by lo out of lo"));
}

}  // namespace
}  // namespace netns_lab::node
