// Addresses, routes, rules, neighbours, namespace ids, look-ups, qdiscs, nft tables and sockets against the kernel.
// Links: link_test.cc.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "harness/netlink/bound_socket.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/namespace_id.h"
#include "harness/netlink/neighbour.h"
#include "harness/netlink/nft_table.h"
#include "harness/netlink/qdisc.h"
#include "harness/netlink/route.h"
#include "harness/netlink/route_lookup.h"
#include "harness/netlink/rule.h"
#include "harness/netlink/test_namespace.h"

namespace netns_lab::netlink {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
Prefix prefix(const char* text) { return Prefix::parse(text).value(); }

class ObjectsTest : public KernelTest {
 protected:
  // veth1 and veth2, both up, in the test's namespace.
  void make_network() {
    make_pair("veth0", "veth9");  // so that no pair has the index of its peer in a fresh namespace
    make_pair("veth1", "veth2");
    for (const char* name : {"lo", "veth1", "veth2"}) raise(name);
    link_ = index_of("veth1");
  }
  std::uint32_t link() const { return link_; }
  AddressSpec spec(const char* text) const {
    AddressSpec made;
    made.link_index = link_;
    made.prefix = prefix(text);
    return made;
  }
  std::vector<InterfaceAddress> addresses_of_link() {
    auto all = list_addresses(socket()).value();
    std::vector<InterfaceAddress> here;
    for (const InterfaceAddress& address : all) {
      if (address.link_index == link_ && !address.prefix.address.is_link_local()) here.push_back(address);
    }
    return here;
  }
  Route route(const char* destination, const char* gateway = nullptr) const {
    Route made;
    made.destination = prefix(destination);
    NextHop hop;
    hop.link_index = link_;
    if (gateway != nullptr) hop.gateway = ip(gateway);
    made.hops = {hop};
    return made;
  }
  std::optional<Route> find_route(const char* destination) {
    const std::vector<Route> all = list_routes(socket()).value();
    for (const Route& found : all) {
      if (found.destination == prefix(destination) && found.table != kLocalTable) return found;
    }
    return std::nullopt;
  }

 private:
  std::uint32_t link_ = 0;
};

struct AddressRow {
  const char* name;
  const char* prefix;
  void (*fill)(AddressSpec&);
  void (*check)(const InterfaceAddress&);
};
void PrintTo(const AddressRow& row, std::ostream* out) { *out << row.name; }
class AddressTest : public ObjectsTest, public testing::WithParamInterface<AddressRow> {};

TEST_P(AddressTest, IsSeenAsItWasAddedAndGoesAgain) {
  make_network();
  AddressSpec wanted = spec(GetParam().prefix);
  GetParam().fill(wanted);
  const auto added = socket().execute(add_address(wanted));
  ASSERT_TRUE(added) << added.error();
  const auto seen = addresses_of_link();
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen.front().prefix, wanted.prefix);
  EXPECT_EQ(seen.front().peer, std::nullopt);
  EXPECT_EQ(seen.front().broadcast, std::nullopt);
  GetParam().check(seen.front());

  const auto again = socket().execute(add_address(wanted));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().system_errno, EEXIST);
  const auto deleted = socket().execute(delete_address(link(), wanted.prefix));
  ASSERT_TRUE(deleted) << deleted.error();
  EXPECT_THAT(addresses_of_link(), IsEmpty());
  EXPECT_EQ(socket().execute(delete_address(link(), wanted.prefix)).error().system_errno, EADDRNOTAVAIL);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, AddressTest,
    testing::Values(AddressRow{"Host", "10.200.1.1/32", [](AddressSpec&) {},
                               [](const InterfaceAddress& seen) {
                                 EXPECT_EQ(seen.scope, Scope::kGlobal);
                                 EXPECT_EQ(seen.flags, static_cast<std::uint32_t>(IFA_F_PERMANENT));
                                 EXPECT_EQ(seen.valid_lifetime, kForeverLifetime);
                                 EXPECT_EQ(seen.label, "veth1");
                               }},
                    AddressRow{"Scoped", "192.0.2.7/24", [](AddressSpec& wanted) { wanted.scope = Scope::kLink; },
                               [](const InterfaceAddress& seen) { EXPECT_EQ(seen.scope, Scope::kLink); }},
                    AddressRow{"Expiring", "192.0.2.8/24",
                               [](AddressSpec& wanted) {
                                 wanted.valid_lifetime = 1000;
                                 wanted.preferred_lifetime = 500;
                               },
                               [](const InterfaceAddress& seen) {
                                 EXPECT_LE(seen.valid_lifetime, 1000U);
                                 EXPECT_GT(seen.valid_lifetime, 900U);
                                 EXPECT_LE(seen.preferred_lifetime, 500U);
                               }},
                    AddressRow{"Ipv6WithoutDetection", "2001:db8::1/128", [](AddressSpec&) {},
                               [](const InterfaceAddress& seen) {
                                 EXPECT_EQ(seen.flags & IFA_F_TENTATIVE, 0U) << seen;
                                 EXPECT_NE(seen.flags & IFA_F_NODAD, 0U) << seen;
                               }},
                    AddressRow{"Ipv6WithDetection", "2001:db8::2/64",
                               [](AddressSpec& wanted) { wanted.no_duplicate_detection = false; },
                               [](const InterfaceAddress& seen) { EXPECT_EQ(seen.flags & IFA_F_NODAD, 0U) << seen; }}),
    [](const auto& row) { return std::string(row.param.name); });

struct RouteRow {
  const char* name;
  const char* address;  // on the link first
  const char* destination;
  const char* gateway;  // nullptr: none
  void (*fill)(Route&);
};
void PrintTo(const RouteRow& row, std::ostream* out) { *out << row.name; }
class RouteTest : public ObjectsTest, public testing::WithParamInterface<RouteRow> {};

TEST_P(RouteTest, IsSeenAsItWasAddedAndGoesAgain) {
  make_network();
  ASSERT_TRUE(socket().execute(add_address(spec(GetParam().address))));
  Route wanted = route(GetParam().destination, GetParam().gateway);
  GetParam().fill(wanted);
  const auto added = socket().execute(add_route(wanted));
  ASSERT_TRUE(added) << added.error();
  const auto seen = find_route(GetParam().destination);
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->type, wanted.type);
  EXPECT_EQ(seen->table, wanted.table);
  EXPECT_EQ(seen->protocol, wanted.protocol);
  EXPECT_EQ(seen->preferred_source, wanted.preferred_source);
  EXPECT_EQ(seen->mtu, wanted.mtu);
  if (wanted.metric != 0) {
    EXPECT_EQ(seen->metric, wanted.metric);
  }
  ASSERT_EQ(seen->hops.size(), wanted.hops.size());
  for (std::size_t i = 0; i < wanted.hops.size(); ++i) {
    EXPECT_EQ(seen->hops[i].gateway, wanted.hops[i].gateway);
    EXPECT_EQ(seen->hops[i].link_index, wanted.hops[i].link_index);
    EXPECT_EQ(seen->hops[i].weight, wanted.hops[i].weight);
  }
  const auto again = socket().execute(add_route(wanted));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().system_errno, EEXIST);
  const auto deleted = socket().execute(delete_route(wanted));
  ASSERT_TRUE(deleted) << deleted.error();
  EXPECT_EQ(find_route(GetParam().destination), std::nullopt);
  EXPECT_EQ(socket().execute(delete_route(wanted)).error().system_errno, ESRCH);
}

void add_second_hop(Route& wanted, const char* gateway) {
  NextHop hop = wanted.hops.front();
  hop.gateway = IpAddress::parse(gateway).value();
  hop.weight = 3;
  wanted.hops.push_back(hop);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, RouteTest,
    testing::Values(
        RouteRow{"Host", "192.0.2.1/24", "10.200.1.1/32", nullptr, [](Route& wanted) { wanted.scope = Scope::kLink; }},
        RouteRow{"DefaultViaTheOwnAddress", "10.200.1.1/32", "0.0.0.0/0", "10.200.1.1", [](Route&) {}},
        RouteRow{"ViaGateway", "192.0.2.1/24", "10.0.0.0/8", "192.0.2.2", [](Route& wanted) { wanted.metric = 50; }},
        RouteRow{"OnLink", "192.0.2.1/24", "10.0.0.0/8", "198.51.100.1",
                 [](Route& wanted) { wanted.hops[0].flags = RTNH_F_ONLINK; }},
        RouteRow{"PreferredSource", "192.0.2.1/24", "10.0.0.0/8", "192.0.2.2",
                 [](Route& wanted) { wanted.preferred_source = IpAddress::v4(192, 0, 2, 1); }},
        RouteRow{"Mtu", "192.0.2.1/24", "10.0.0.0/8", "192.0.2.2", [](Route& wanted) { wanted.mtu = 1300; }},
        RouteRow{"LargeTable", "192.0.2.1/24", "10.0.0.0/8", "192.0.2.2",
                 [](Route& wanted) { wanted.table = 100'000; }},
        RouteRow{"Multipath", "192.0.2.1/24", "10.0.0.0/8", "192.0.2.2",
                 [](Route& wanted) { add_second_hop(wanted, "192.0.2.3"); }},
        RouteRow{"Blackhole", "192.0.2.1/24", "10.0.0.0/8", nullptr,
                 [](Route& wanted) {
                   wanted.type = RouteType::kBlackhole;
                   wanted.hops.clear();
                 }},
        RouteRow{"Ipv6ViaLinkLocal", "2001:db8::1/64", "::/0", "fe80::1", [](Route&) {}},
        RouteRow{"Ipv6Host", "2001:db8::1/64", "2001:db8:1::1/128", nullptr, [](Route&) {}},
        RouteRow{"Ipv6Multipath", "2001:db8::1/64", "2001:db8:2::/48", "2001:db8::2",
                 [](Route& wanted) { add_second_hop(wanted, "2001:db8::3"); }},
        RouteRow{"Ipv4ViaIpv6", "192.0.2.1/24", "10.0.0.0/8", "fe80::1", [](Route&) {}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(ObjectsTest, LookUpFindsTheWayAndRefusalsAreAnswers) {
  make_network();
  ASSERT_TRUE(socket().execute(add_address(spec("192.0.2.1/24"))));
  ASSERT_TRUE(socket().execute(add_route(route("10.0.0.0/8", "192.0.2.2"))));
  RouteQuery query;
  query.destination = ip("10.1.2.3");
  const auto found = look_up_route(socket(), query, 0);
  ASSERT_TRUE(found) << found.error();
  EXPECT_EQ(found->system_errno, 0);
  EXPECT_EQ(found->output_link_index, link());
  EXPECT_EQ(found->gateway, ip("192.0.2.2"));
  EXPECT_EQ(found->preferred_source, ip("192.0.2.1"));
  EXPECT_EQ(found->type, RouteType::kUnicast);
  EXPECT_EQ(found->table, kMainTable);

  query.destination = ip("203.0.113.1");
  EXPECT_EQ(look_up_route(socket(), query, 0)->system_errno, ENETUNREACH);
  query.destination = ip("2001:db8::1");
  EXPECT_EQ(look_up_route(socket(), query, 0)->system_errno, ENETUNREACH);
  query.destination = ip("192.0.2.1");
  EXPECT_EQ(look_up_route(socket(), query, 0)->type, RouteType::kLocal);
}

TEST_F(ObjectsTest, LookUpFindsTheWayInIpv6) {
  make_network();
  ASSERT_TRUE(socket().execute(add_address(spec("2001:db8::1/64"))));
  ASSERT_TRUE(socket().execute(add_route(route("::/0", "fe80::1"))));
  RouteQuery query;
  query.destination = ip("2001:db8:9::1");
  const auto found = look_up_route(socket(), query, 0);
  ASSERT_TRUE(found) << found.error();
  EXPECT_EQ(found->system_errno, 0) << *found;
  EXPECT_EQ(found->output_link_index, link());
  EXPECT_EQ(found->gateway, ip("fe80::1"));
  EXPECT_EQ(found->table, kMainTable);
}

TEST_F(ObjectsTest, LookUpForAReceivedPacketTellsOfForwarding) {
  make_network();
  ASSERT_TRUE(socket().execute(add_address(spec("192.0.2.1/24"))));
  RouteQuery query;
  query.destination = ip("192.0.2.1");
  query.source = ip("192.0.2.9");
  const auto to_us = look_up_route(socket(), query, link());
  ASSERT_TRUE(to_us) << to_us.error();
  EXPECT_EQ(to_us->type, RouteType::kLocal) << *to_us;
}

TEST_F(ObjectsTest, RuleIsSeenAsItWasAddedAndGoesAgain) {
  RoutingRule wanted;
  wanted.priority = 1000;
  wanted.table = 100'000;
  wanted.source = prefix("10.0.0.0/8");
  wanted.input_link = "lo";
  wanted.mark = 5;
  wanted.mark_mask = 0xFF;
  wanted.protocol = kBootProtocol;
  const auto before = list_rules(socket());
  ASSERT_TRUE(before) << before.error();
  const auto is_multicast = [](const RoutingRule& rule) { return rule.other.contains("multicast"); };
  const auto multicast = std::count_if(before->begin(), before->end(), is_multicast);
  EXPECT_EQ(before->size() - static_cast<std::size_t>(multicast), 5U);  // local, main, default; IPv6 has no default
  const auto added = socket().execute(add_rule(wanted));
  ASSERT_TRUE(added) << added.error();
  const auto after = list_rules(socket());
  ASSERT_TRUE(after) << after.error();
  EXPECT_THAT(*after, Contains(wanted));
  ASSERT_TRUE(socket().execute(delete_rule(wanted)));
  EXPECT_EQ(*list_rules(socket()), *before);
}

TEST_F(ObjectsTest, WhatElseARuleAsksForIsTold) {
  Request request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
  fib_rule_hdr header{};
  header.family = AF_INET;
  header.table = RT_TABLE_MAIN;
  header.action = FR_ACT_TO_TBL;
  header.flags = FIB_RULE_INVERT;
  header.tos = 0x10;
  request.put_header(header);
  request.put_u32(FRA_PRIORITY, 1000);
  request.put_struct(FRA_DPORT_RANGE, fib_rule_port_range{22, 23});
  request.put_u8(FRA_IP_PROTO, IPPROTO_TCP);
  request.put_struct(FRA_UID_RANGE, fib_rule_uid_range{0, 0});
  request.put_u32(FRA_SUPPRESS_PREFIXLEN, 0);
  const auto made = socket().execute(std::move(request));
  ASSERT_TRUE(made) << made.error();
  const auto rules = list_rules(socket());
  ASSERT_TRUE(rules) << rules.error();
  const std::map<std::string, std::string> wanted = {{"not", ""},         {"tos", "0x10"},
                                                     {"dport", "22-23"},  {"ipproto", "6"},
                                                     {"uidrange", "0-0"}, {"suppress_prefixlength", "0"}};
  for (const RoutingRule& rule : *rules) {
    if (rule.priority == 1000) {
      EXPECT_EQ(rule.other, wanted);
    } else if (!rule.other.contains("multicast")) {
      EXPECT_THAT(rule.other, testing::IsEmpty()) << rule;
    }
  }
}

TEST_F(ObjectsTest, RulesOfMulticastRoutesAreTold) {
  for (const auto& [rule_family, family] :
       {std::pair{RTNL_FAMILY_IPMR, Family::kIpv4}, std::pair{RTNL_FAMILY_IP6MR, Family::kIpv6}}) {
    Request request(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
    fib_rule_hdr header{};
    header.family = static_cast<std::uint8_t>(rule_family);
    header.action = FR_ACT_TO_TBL;
    request.put_header(header);
    request.put_u32(FRA_PRIORITY, 1000);
    request.put_u32(FRA_TABLE, 99);
    const auto made = socket().execute(std::move(request));
    if (!made && made.error().system_errno == EAFNOSUPPORT)
      GTEST_SKIP() << "this kernel has no rules for multicast routes (CONFIG_IP_MROUTE_MULTIPLE_TABLES)";
    ASSERT_TRUE(made) << made.error();
    RoutingRule wanted;
    wanted.family = family;
    wanted.priority = 1000;
    wanted.table = 99;
    wanted.other = {{"multicast", ""}};
    const auto rules = list_rules(socket());
    ASSERT_TRUE(rules) << rules.error();
    EXPECT_THAT(*rules, Contains(wanted));
  }
}

struct NeighbourRow {
  const char* name;
  const char* address;
};
void PrintTo(const NeighbourRow& row, std::ostream* out) { *out << row.name; }
class NeighbourTest : public ObjectsTest, public testing::WithParamInterface<NeighbourRow> {};

TEST_P(NeighbourTest, IsSeenAsItWasAddedAndGoesAgain) {
  make_network();
  const IpAddress address = ip(GetParam().address);
  const MacAddress mac({2, 0, 0, 0, 0, 7});
  const auto added = socket().execute(add_neighbour(link(), address, mac));
  ASSERT_TRUE(added) << added.error();
  const auto find = [&]() -> std::optional<Neighbour> {
    const std::vector<Neighbour> all = list_neighbours(socket()).value();
    for (const Neighbour& seen : all) {
      if (seen.address == address) return seen;
    }
    return std::nullopt;
  };
  const auto seen = find();
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->mac, mac);
  EXPECT_EQ(seen->link_index, link());
  EXPECT_TRUE(seen->is_permanent()) << *seen;
  const auto deleted = socket().execute(delete_neighbour(link(), address));
  ASSERT_TRUE(deleted) << deleted.error();
  const auto left = find();
  EXPECT_TRUE(!left || !left->is_permanent());
}

// Proxies are a table of their own in the kernel (pneigh), and another dump.
TEST_P(NeighbourTest, AProxyIsSeen) {
  make_network();
  const IpAddress address = ip(GetParam().address);
  Request proxy(RTM_NEWNEIGH, NLM_F_CREATE);
  ndmsg header{};
  header.ndm_family = static_cast<std::uint8_t>(address.is_v4() ? AF_INET : AF_INET6);
  header.ndm_ifindex = static_cast<int>(link());
  header.ndm_flags = NTF_PROXY;
  proxy.put_header(header);
  proxy.put(NDA_DST, address);
  const auto added = socket().execute(proxy);
  ASSERT_TRUE(added) << added.error();
  const std::vector<Neighbour> all = list_neighbours(socket()).value();
  const auto seen =
      std::find_if(all.begin(), all.end(), [&](const Neighbour& entry) { return entry.address == address; });
  ASSERT_NE(seen, all.end());
  EXPECT_TRUE(seen->is_proxy()) << *seen;
  EXPECT_EQ(seen->link_index, link());
}

INSTANTIATE_TEST_SUITE_P(Families, NeighbourTest,
                         testing::Values(NeighbourRow{"Ipv4", "192.0.2.9"}, NeighbourRow{"Ipv6", "2001:db8::9"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(ObjectsTest, NamespaceIdsAreAssignedFoundAndListed) {
  const OtherNamespace other;
  EXPECT_EQ(find_namespace_id(socket(), other.fd()).value(), std::nullopt);
  const auto assigned = socket().execute(assign_namespace_id(other.fd(), 42));
  ASSERT_TRUE(assigned) << assigned.error();
  EXPECT_EQ(find_namespace_id(socket(), other.fd()).value(), 42);
  EXPECT_THAT(list_namespace_ids(socket()).value(), Contains(42));
  EXPECT_EQ(socket().execute(assign_namespace_id(other.fd(), 43)).error().system_errno, EEXIST);
  EXPECT_FALSE(find_namespace_id(socket(), 0));  // no namespace
}

TEST_F(ObjectsTest, DefaultQdiscsHaveNoHandle) {
  make_network();
  const auto qdiscs = list_qdiscs(socket());
  ASSERT_TRUE(qdiscs) << qdiscs.error();
  ASSERT_THAT(*qdiscs, testing::Not(IsEmpty()));
  for (const Qdisc& qdisc : *qdiscs) EXPECT_EQ(qdisc.handle, 0U) << qdisc.kind;
}

TEST_F(ObjectsTest, FreshNamespaceHasNoNftTables) {
  NetlinkSocket netfilter = home().socket(Protocol::kNetfilter);
  const auto tables = list_nft_tables(netfilter);
  ASSERT_TRUE(tables) << tables.error();
  EXPECT_THAT(*tables, IsEmpty());
}

TEST_F(ObjectsTest, ListeningAndBoundSocketsAreListed) {
  // In the test's namespace: sockets belong to the one they are made in.
  NetlinkSocket diagnosis = home().socket(Protocol::kSocketDiagnosis);
  EXPECT_THAT(list_bound_sockets(diagnosis).value(), IsEmpty());
  const auto bound = [&](int family, int type) {
    UniqueFd made = home().any_socket(family, type);
    sockaddr_storage any{};
    any.ss_family = static_cast<sa_family_t>(family);
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    EXPECT_EQ(::bind(made.get(), reinterpret_cast<const sockaddr*>(&any), size), 0);
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(made.get(), 1), 0);
    }
    return made;
  };
  const UniqueFd tcp = bound(AF_INET, SOCK_STREAM);
  const UniqueFd udp = bound(AF_INET6, SOCK_DGRAM);
  const auto sockets = list_bound_sockets(diagnosis);
  ASSERT_TRUE(sockets) << sockets.error();
  ASSERT_THAT(*sockets, SizeIs(2));
  EXPECT_EQ((*sockets)[0].protocol, "tcp");
  EXPECT_EQ((*sockets)[0].address, ip("0.0.0.0"));
  EXPECT_NE((*sockets)[0].port, 0);
  EXPECT_EQ((*sockets)[1].protocol, "udp");
  EXPECT_EQ((*sockets)[1].address, ip("::"));
}

}  // namespace
}  // namespace netns_lab::netlink
