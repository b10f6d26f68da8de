// For whom a declared table translates, by rules that no packet was sent through.
#include "harness/conformance/translation_scope.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/conformance/closed_world.h"
#include "harness/conformance/rule_trial.h"
#include "harness/conformance/test_world.h"

namespace netns_lab {
namespace {

using test_world::ip;
using test_world::prefix;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

PacketMatch from(const std::string& first, const std::string& last) {
  return {false, {{{"network", 12, "", first, last}}}};
}
PacketMatch to(const std::string& first, const std::string& last) {
  return {false, {{{"network", 16, "", first, last}}}};
}
PacketMatch out_of(const std::string& link) {
  return {false, {{{"oifname", 0, "", name_bytes(link), name_bytes(link)}}}};
}
PacketMatch no(PacketMatch match) {
  match.negated = !match.negated;
  return match;
}
PacketMatch unknown() { return {false, {{PacketField()}}}; }
PacketMatch marked(const std::string& value) { return {false, {{{"mark", 0, "", value, value}}}}; }

PacketStep step(std::vector<PacketMatch> asks, std::string does, std::uint32_t skip = 0) {
  PacketStep made;
  made.asks = std::move(asks);
  made.does = std::move(does);
  made.skip = skip;
  return made;
}
PacketStep mark(std::vector<PacketMatch> asks, std::string value) {
  PacketStep made = step(std::move(asks), "mark");
  made.mask = "00000000";
  made.value = std::move(value);
  return made;
}

const PacketMatch kContainers = from("ac1000", "ac1000");
const PacketMatch kOneFar = to("c633644d", "c633644d");  // 198.51.100.77

// A node with an uplink eth0 and a bridge, behind which there is one container; what is declared translates what leaves
// by another way than the bridge, or with `mapped` a port of the node.
Declaration declared(bool mapped) {
  NftChain chain{"c", "nat", "postrouting",
                 100, false, {{{{"ip saddr", "172.16.0.0/24"}, {"oifname", "br0", true}}, {"masquerade"}}}};
  NftChain before{"p",
                  "nat",
                  "prerouting",
                  -100,
                  false,
                  {{{{"fib daddr type", "local"}, {"tcp dport", "8080"}}, {"dnat", IpAddress::v4(172, 16, 0, 2), 80}}}};
  Topology topology;
  topology.build.emplace_back(CreateNftTable{"", "ip", "nat", {mapped ? before : chain}});
  const auto add = [&](const std::string& network_namespace, const std::string& link, const std::string& own) {
    AddAddress address;
    address.network_namespace = network_namespace;
    address.link = link;
    address.prefix = prefix(own);
    topology.build.emplace_back(address);
  };
  add("", "br0", "172.16.0.1/24");
  add("netns1", "veth11", "172.16.0.2/24");
  return declaration_of(topology);
}

NamespaceState node(std::vector<PacketStep> steps, const std::string& hook = "postrouting") {
  NamespaceState state;
  state.links = {test_world::link(2, "eth0", "veth", "02:00:00:00:00:02"),
                 test_world::link(3, "br0", "bridge", "02:00:00:00:00:03")};
  state.addresses = {test_world::address(state.links[0], "192.0.2.2/24"),
                     test_world::address(state.links[1], "172.16.0.1/24")};
  state.routes = {test_world::route("0.0.0.0/0", "eth0")};
  PacketFilter filter;
  filter.name = "ip nat";
  filter.chains = {{hook, 100, std::move(steps)}};
  state.nft_tables = {filter};
  return state;
}

std::vector<std::string> found(const NamespaceState& state, bool mapped = false) {
  const Declaration all = declared(mapped);
  return scope_findings(all, all.nft_tables.front(), state);
}

TEST(TranslationScope, WhatLeavesIsTranslatedForAll) {
  const PacketStep all = step({kContainers, no(out_of("br0"))}, "source");
  EXPECT_THAT(found(node({all})), IsEmpty());
  EXPECT_THAT(found(node({})), IsEmpty()) << "nothing at all is for the packets to tell";
  EXPECT_THAT(found(node({step({to("ac1000", "ac1000")}, "pass"), step({to("e0", "ef")}, "pass"), all})), IsEmpty())
      << "its own network, and multicast";
  EXPECT_THAT(found(node({step({kOneFar, out_of("br0")}, "pass"), all})), IsEmpty()) << "it does not leave there";
  EXPECT_THAT(found(node({step({kOneFar, unknown()}, "pass"), all})), IsEmpty()) << "cannot be told";
  const auto one = ElementsAre("an exception: what netns1 (172.16.0.2) sends to 198.51.100.77 keeps its source");
  EXPECT_THAT(found(node({step({kOneFar}, "pass"), all})), one);
  EXPECT_THAT(found(node({step({kOneFar}, "skip", 1), all})), one);
  EXPECT_THAT(found(node({step({no(kOneFar)}, "unless", 1), all})), one);
  EXPECT_THAT(found(node({step({no(kOneFar), kContainers}, "source")})), one);
  EXPECT_THAT(found(node({mark({kOneFar}, "00002000"), step({no(marked("00002000"))}, "source")})), one);
  EXPECT_THAT(found(node({step({kContainers, to("c00002", "c00002")}, "source")})),
              ElementsAre(HasSubstr("to 192.0.1.255, 192.0.3.0, 198.51.100.66 and others keeps its source")));
}

TEST(TranslationScope, OthersWhomARuleNamesAreNotTranslated) {
  const PacketMatch stranger = from("0a090900", "0a0909ff");
  EXPECT_THAT(found(node({step({out_of("eth0")}, "source")})), IsEmpty()) << "no rule names them";
  EXPECT_THAT(found(node({step({from("7f000001", "7f000001")}, "source")})), IsEmpty()) << "loopback";
  EXPECT_THAT(found(node({step({stranger}, "unless", 0), step({}, "source")})), IsEmpty()) << "it was only looked at";
  const auto both = ElementsAre("another source for what 10.9.9.0, 10.9.9.255 sends, which is none of the containers'");
  EXPECT_THAT(found(node({step({stranger}, "source")})), both);
  EXPECT_THAT(found(node({step({stranger}, "unless", 1), step({}, "source")})), both);
  EXPECT_THAT(found(node({mark({stranger}, "00000001"), step({marked("00000001")}, "source")})), both);
  EXPECT_THAT(found(node({step({stranger, unknown()}, "source")})), both);
}

TEST(TranslationScope, APublishedPortIsForAllClientsAndOfTheNode) {
  const PacketMatch port{false, {{{"transport", 2, "", "1f90", "1f90"}}}};
  const PacketMatch local{false, {{{"daddr type", 0, "", "00000002", "00000002"}}}};
  const PacketMatch client = from("c633644d", "c633644d");
  const PacketStep all = step({local, port}, "destination");
  const auto of = [](std::vector<PacketStep> steps) { return found(node(std::move(steps), "prerouting"), true); };
  EXPECT_THAT(of({all}), IsEmpty());
  EXPECT_THAT(of({step({from("ac1000", "ac1000")}, "pass"), all}), IsEmpty());
  EXPECT_THAT(of({step({to("c0000202", "c0000202"), port}, "destination")}), IsEmpty()) << "by the node's address";
  EXPECT_THAT(of({step({client}, "pass"), all}),
              ElementsAre("an exception: what 198.51.100.77 sends to tcp port 8080 of the node keeps its destination"));
  EXPECT_THAT(
      of({all, step({kOneFar, port}, "destination")}),
      ElementsAre("another destination for what is sent to tcp port 8080 of 198.51.100.77, which is not the node's"));
}

PacketStep give(std::vector<PacketMatch> asks, const std::string& address) {
  PacketStep made = step(std::move(asks), "source");
  made.value = address;
  return made;
}

TEST(TranslationScope, ASourceThatARuleNamesIsOneOfTheUplinks) {
  const PacketStep all = step({kContainers, no(out_of("br0"))}, "source");
  EXPECT_THAT(found(node({give({kContainers, no(out_of("br0"))}, "c0000202")})), IsEmpty()) << "the uplink's";
  EXPECT_THAT(found(node({give({kContainers, kOneFar}, "c000024d"), all})),
              ElementsAre("what netns1 (172.16.0.2) sends to 198.51.100.77 gets the source 192.0.2.77, which is no "
                          "address of eth0"));
  EXPECT_THAT(found(node({give({from("c0000202", "c0000202"), kOneFar}, "c000024d"), all})),
              ElementsAre("what the node itself sends to 198.51.100.77 gets the source 192.0.2.77, which is no address "
                          "of eth0"));
  EXPECT_THAT(found(node({step({out_of("eth0")}, "source")})), IsEmpty()) << "its own, by masquerade";
}

TEST(TranslationScope, WhatTheNodeTakesInKeepsItsSource) {
  EXPECT_THAT(
      found(node({step({from("0a090900", "0a0909ff")}, "source")}, "input")),
      ElementsAre("another source for what 10.9.9.0, 10.9.9.1, 10.9.9.254 and others sends to the node (hook input)"));
  EXPECT_THAT(found(node({step({kOneFar}, "source")}, "input")), IsEmpty()) << "for another address";
}

TEST(TranslationScope, WhoAsksFromFarAwayIsSeenAsWhoAsksFromNear) {
  const PacketMatch mapped{true, {{{"ct status", 0, "00000020", "00000000", "00000000"}}}};
  const PacketMatch near{true, {{{"network", 12, "", "c00002", "c00002"}}, {{"network", 12, "", "ac1000", "ac1000"}}}};
  const PacketMatch service = to("ac100002", "ac100002");
  EXPECT_THAT(found(node({step({service, mapped}, "source")}), true), IsEmpty()) << "all alike: the packets tell";
  EXPECT_THAT(found(node({step({near, service, mapped}, "source")}), true),
              ElementsAre("another source for what 203.0.113.66, 198.51.100.66 sends to netns1 (172.16.0.2), and not "
                          "for what comes from 192.0.2.0/24"));
}

TEST(TranslationScope, ALabMayHaveTheAddressesThatStandForTheOutside) {
  NamespaceState own = node({step({from("cb0071", "cb0071"), to("ac100002", "ac100002")}, "source")});
  EXPECT_THAT(found(own, true), Not(IsEmpty()));
  own.addresses[1].prefix = prefix("203.0.113.1/24");
  Declaration all = declared(true);
  for (DeclaredAddress& address : all.addresses) {
    if (address.link == "br0") address.prefix = prefix("203.0.113.1/24");
  }
  EXPECT_THAT(scope_findings(all, all.nft_tables.front(), own), IsEmpty());
}

TEST(TranslationScope, APublishedPortIsNobodyElses) {
  const PacketMatch port{false, {{{"transport", 2, "", "1f90", "1f90"}}}};
  const auto of_type = [](std::vector<std::string> types) {
    PacketMatch match;
    for (const std::string& type : types) match.any.push_back({{"daddr type", 0, "", type, type}});
    return match;
  };
  const std::string local = "00000002", broadcast = "00000003";
  EXPECT_THAT(found(node({step({of_type({local, broadcast}), port}, "destination")}, "prerouting"), true),
              ElementsAre("another destination for what is sent to tcp port 8080 of broadcast addresses"));
  EXPECT_THAT(found(node({step({port}, "destination")}, "prerouting"), true), IsEmpty()) << "of any address";
  EXPECT_THAT(found(node({step({kOneFar, port}, "destination")}, "output"), true),
              ElementsAre("another destination for what the node itself sends to tcp port 8080 of 198.51.100.77"));
}

TEST(TranslationScope, HowRulesPartTheProtocolsDoesNotMatterWhereTheyTakeAll) {
  const Declaration all = declared(false);
  const auto gives_all = [&](std::vector<PacketStep> steps) {
    const NamespaceState state = node(std::move(steps));
    return gives_every_protocol_a_source(all, all.nft_tables.front(), state, state.nft_tables.front());
  };
  const PacketMatch tcp{false, {{{"protocol", 0, "", "06", "06"}}}};
  const PacketMatch names{false, {{{"transport", 2, "", "0035", "0035"}}}};
  EXPECT_TRUE(gives_all({step({}, "source")}));
  EXPECT_TRUE(gives_all({step({tcp}, "source"), step({no(tcp)}, "source")}));
  EXPECT_TRUE(gives_all({step({tcp}, "source"), step({}, "source")}));
  EXPECT_FALSE(gives_all({step({tcp}, "source")}));
  EXPECT_FALSE(gives_all({step({tcp}, "pass"), step({}, "source")}));
  EXPECT_FALSE(gives_all({step({names}, "pass"), step({}, "source")}));
  EXPECT_FALSE(gives_all({step({unknown()}, "source")}));
  EXPECT_FALSE(gives_all({step({kOneFar, names}, "pass"), step({}, "source")})) << "to one address only";
}

TEST(TranslationScope, OfATableThatWasThereBeforeNotAllRulesAreTheTargets) {
  const Declaration all = declared(false);
  Snapshot before, after;
  after.namespaces = {node({step({from("0a090900", "0a0909ff")}, "source")})};
  before = after;
  const auto found = [&] { return undeclared(Area::kPacketFilters, before, after, all); };
  EXPECT_THAT(found(), IsEmpty());
  before.namespaces.front().nft_tables.clear();
  EXPECT_THAT(found(), ElementsAre(HasSubstr("another source for what 10.9.9.0, 10.9.9.255 sends")));
}

TEST(TranslationScope, ThatThereAreMoreRulesIsTold) {
  EXPECT_THAT(found(node({step({}, "unknown")})),
              ElementsAre(HasSubstr("more rules, or elements of sets, than are looked at")));
}

TEST(TranslationScope, ThatMoreAddressesAreNamedThanAreTriedIsTold) {
  PacketMatch far;
  for (unsigned i = 0; i < 600; ++i) {
    const std::string network = fmt::format("c7{:04x}", 7 * i);  // 199.0.0.0/24, 199.0.7.0/24, …
    far.any.push_back({{"network", 16, "", network, network}});
  }
  const PacketStep exception = step({far}, "pass");
  EXPECT_THAT(found(node({exception, step({kContainers}, "source")})),
              Contains(HasSubstr("more rules, or elements of sets, than are looked at")));
}

TEST(RuleTrial, NamesTheAddressesAtTheEndsAndNextToThem) {
  const auto named = [](std::vector<PacketMatch> asks, bool neighbours) {
    return addresses_named({{"postrouting", 0, {step(std::move(asks), "pass")}}}, Family::kIpv4,
                           AddressEnd::kDestination, neighbours)
        .addresses;
  };
  EXPECT_THAT(named({kContainers}, true), IsEmpty());
  EXPECT_THAT(named({to("c63364", "c63364")}, false), ElementsAre(ip("198.51.100.0"), ip("198.51.100.255")));
  EXPECT_THAT(named({kOneFar}, true), ElementsAre(ip("198.51.100.76"), ip("198.51.100.77"), ip("198.51.100.78")));
  EXPECT_THAT(named({{false, {{{"network", 16, "00000001", "00000001", "00000001"}}}}}, false),
              ElementsAre(ip("0.0.0.1"), ip("203.0.113.67"), ip("255.255.255.255")));
}

TEST(RuleTrial, OfIpv6TheSame) {
  const PacketField far{"network", 24, "", "20010db800000000000000000000004d", "20010db800000000000000000000004d"};
  const std::vector<PacketChain> chains = {{"postrouting", 0, {step({{false, {{far}}}}, "pass"), step({}, "source")}}};
  EXPECT_THAT(addresses_named(chains, Family::kIpv6, AddressEnd::kDestination, false).addresses,
              ElementsAre(ip("2001:db8::4d")));
  EXPECT_FALSE(try_packet(chains, {ip("fd00::2"), ip("2001:db8::4d")}, {"postrouting"}).may_give_source);
  EXPECT_TRUE(try_packet(chains, {ip("fd00::2"), ip("2001:db8::4e")}, {"postrouting"}).may_give_source);
  EXPECT_FALSE(try_packet(chains, {ip("fd00::2"), ip("2001:db8::4e")}, {"prerouting"}).may_give_source);
}

}  // namespace
}  // namespace netns_lab
