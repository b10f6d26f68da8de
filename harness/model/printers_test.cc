// Every value prints itself: what a failed expectation shows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "harness/model/json.h"
#include "harness/model/samples.h"

namespace netns_lab {
namespace {

template <typename T>
std::string printed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

TEST(Printers, LinkIsOneLine) {
  EXPECT_EQ(printed(samples::link()),
            "2: veth1 veth <UP,BROADCAST,RUNNING,MULTICAST,LOWER_UP> mtu 1500 state UP carrier mac 02:00:00:00:00:01 "
            "master 7 peer 3 "
            "netnsid 0 group 5 promiscuity 1 qdisc noqueue alias 'the host's end' altname uplink-of-netns1 xdp "
            "(gso_max_size 65536, txqueuelen 1000) off (rx-gro tx-nocache-copy) token ::99 "
            "bridge (ageing_time 30000) port (learning 1, state 3) "
            "vxlan (id 42 port 4789 local 10.0.0.10 remote 10.0.1.20 link 2, learning 1)");
}
TEST(Printers, ForwardingEntryIsOneLine) {
  EXPECT_EQ(printed(samples::snapshot().namespaces[0].forwarding[0]),
            "02:00:00:00:00:02 dev veth1 master br0 dst 192.168.50.10 port 4790 vlan 1 extern_learn NOARP");
}
TEST(Printers, PacketFilterTellsWhatItDoes) {
  PacketFilter filter = samples::snapshot().namespaces[0].nft_tables[0];
  EXPECT_EQ(printed(filter),
            "ip nat, dormant with 1 chain, 1 rule, contents 7f3a, statements: dnat, dnat by rule 1 of "
            "PREROUTING, of tcp port 8080 to 10.200.1.1:80, translating by limit, snat for some protocols or ports");
  PortTranslation any;
  any.address = "fd00::1";
  EXPECT_EQ(to_string(any), "all ports to fd00::1");
  any.port = 80;
  any.protocol = 132;
  any.last_port = 7;
  EXPECT_EQ(to_string(any), "protocol 132 ports 0-7 to [fd00::1]:80");
  any.address.clear();
  EXPECT_EQ(to_string(any), "protocol 132 ports 0-7 to the node itself, port 80");
}
TEST(Printers, LinkFlagsWithoutANameAreHexadecimal) {
  Link link;
  link.flags = 0x80000001;
  EXPECT_EQ(link.flags_text(), "UP,0x80000000");
  EXPECT_TRUE(link.is_up());
  EXPECT_FALSE(link.is_loopback());
}
TEST(Printers, AddressIsAsIpWritesIt) {
  EXPECT_EQ(printed(samples::interface_address()),
            "10.200.1.1/32 peer 10.200.1.2 brd 10.200.1.255 dev veth2 scope link permanent label veth2:1 valid 3600s "
            "preferred 1800s");
}
TEST(Printers, AddressFlagOneIsSecondaryOrTemporary) {
  InterfaceAddress address;
  address.flags = 0x81;
  EXPECT_EQ(address.flags_text(), "secondary,permanent");
  address.prefix.address = IpAddress::unspecified(Family::kIpv6);
  EXPECT_EQ(address.flags_text(), "temporary,permanent");
}
TEST(Printers, RouteNamesEveryHop) {
  EXPECT_EQ(printed(samples::route()),
            "default (IPv6) from fd00::9 tos 0x10 table 100 proto static scope nowhere src fd00::1 metric 1024 mtu "
            "1400 advmss 500 onlink "
            "nexthop via fd00::2 dev veth1 weight 1 nexthop via fd00::3 dev veth3 weight 10");
}
TEST(Printers, DefaultRouteIsAsInItsHeader) {
  Route route;
  NextHop hop;
  hop.link = "eth0";
  hop.gateway = IpAddress::v4(10, 0, 0, 1);
  route.hops = {hop};
  EXPECT_EQ(printed(route), "default via 10.0.0.1 dev eth0 proto boot scope global");
}
TEST(Printers, RouteAnswerTellsARefusalInTheKernelsWords) {
  RouteAnswer answer;
  answer.system_errno = 101;
  answer.kernel_text = "no route";
  EXPECT_EQ(printed(answer), "no route: ENETUNREACH (no route)");
  RouteAnswer found;
  found.type = RouteType::kUnicast;
  found.output_link = "veth1";
  found.preferred_source = IpAddress::v4(192, 168, 50, 10);
  found.table = kMainTable;
  EXPECT_EQ(printed(found), "unicast dev veth1 src 192.168.50.10 table main");
}
TEST(Printers, NeighbourTellsItsState) {
  EXPECT_EQ(printed(samples::neighbour()), "10.200.1.1 dev veth1 lladdr 02:00:00:00:00:02 extern_learn PERMANENT");
  EXPECT_EQ(Neighbour().state_text(), "NONE");
}
TEST(Printers, SnapshotIsOneLineAnObject) {
  const std::string text = printed(samples::snapshot());
  EXPECT_THAT(text, ::testing::StartsWith("the node's own namespace (inode 4026532000)\n  link 2: veth1"));
  EXPECT_THAT(text, ::testing::HasSubstr("\nnamespace netns1 (inode 4026532000)\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("\n/run/netns/netns1 (inode 4026532000)\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("\nprocess 42 'sleep 1000' in network namespace 4026532000\n"));
}
TEST(Printers, NamespaceEntryTellsWhatIsOddAboutIt) {
  NamespaceEntry entry;
  entry.name = "a";
  EXPECT_EQ(printed(entry), "a (a plain file, not a mount of a namespace)");
  entry.is_nsfs_mount = true;
  entry.inode = 7;
  entry.mounts = 2;
  EXPECT_EQ(printed(entry), "a (inode 7, not a network namespace, 2 mounts)");
}
TEST(Printers, EveryChangeSaysWhatItDoes) {
  std::vector<std::string> lines;
  for (const Change& change : samples::changes()) lines.push_back(to_string(change));
  const std::string route = printed(samples::route());
  const std::string rule = printed(samples::rule());
  EXPECT_THAT(
      lines,
      ::testing::ElementsAreArray({
          std::string("create namespace netns1"),
          std::string("delete namespace netns1"),
          std::string("create veth veth1 with peer veth2 in netns1 mtu 1400 mac 02:00:00:00:00:01 peer mac "
                      "02:00:00:00:00:02 master br0 group 4 up"),
          std::string("create bridge br0 in netns1"),
          std::string(
              "create vxlan vxlan0 id 42 port 4789 local 192.168.50.10 remote 10.200.1.1 dev eth0 nolearning mtu "
              "1450 mac 02:00:00:00:00:01"),
          std::string("create tun tun0 mtu 1472 relayed from 192.168.50.10 to 10.200.1.1, port 9001"),
          std::string("delete link veth1"),
          std::string(
              "set link veth2 in netns1 down mtu 1500 mac 02:00:00:00:00:01 arp off hairpin on master br0 name eth0 "
              "netns netns2"),
          std::string("add address 10.200.1.1/32 to veth2 in netns1 scope host valid 60s preferred 30s"),
          std::string("delete address 10.200.1.1/32 from veth2 in netns1"),
          "add route " + route + " in netns1",
          "delete route " + route,
          "add " + rule + " in netns1",
          "delete " + rule + " in netns1",
          std::string("add neighbour 192.168.50.10 at 02:00:00:00:00:01 on veth2 in netns1"),
          std::string("delete neighbour 192.168.50.10 from veth2 in netns1"),
          std::string("add forwarding entry 02:00:00:00:00:01 to 192.168.50.10 on vxlan0 in netns1"),
          std::string("set sysctl net.ipv4.ip_forward to 1 in netns1"),
          std::string("create nft table ip nat { chain prerouting { type nat hook prerouting priority -100; policy "
                      "drop; tcp dport 8080 iifname != \"br0\" dnat to 10.200.1.1:80; } }"),
          std::string("delete nft table inet nat in netns1"),
      }));
}
TEST(Printers, EchoReportTellsEachEchoAndSighting) {
  EXPECT_EQ(
      printed(samples::echo_report()),
      "echo from the node (192.168.50.10) to 10.200.1.1, 56 bytes, don't fragment: 1 of 2 answered\n"
      "  the socket could not be opened: EADDRNOTAVAIL bind 192.168.50.10\n"
      "  #1: slow reply from 10.200.1.1 on veth1 ttl 64 in 23.4 us, 56 bytes, 1 duplicates\n"
      "  #2: not sent, EMSGSIZE\n"
      "    10.0.0.1 says: destination host unreachable, about our packet to 10.200.1.1\n"
      "  seen: request received on veth2 in netns1: 192.168.50.10 > 10.200.1.1 id 4711 #1 ttl 64 56 bytes intact sent "
      "as 815 "
      "advertises 02:00:00:00:00:01 (02:00:00:00:00:01 > 02:00:00:00:00:02)\n"
      "  1 replies match no request\n"
      "  the capture lost 2 packets\n");
}
TEST(Printers, ExchangeReportTellsHowMuchCameBack) {
  ExchangeReport served = samples::exchange_report();
  served.unserved_in.clear();
  EXPECT_THAT(printed(served),
              ::testing::StartsWith(
                  "TCP from netns1 (10.200.1.1 port 33000) to 192.168.50.10 port 7: 4095 of 4096 bytes came back, "
                  "intact; the kernel says ECONNREFUSED\n  seen: request received on veth2"));
}
TEST(Printers, ExchangeReportTellsWhereNothingCouldListen) {
  EXPECT_EQ(printed(samples::exchange_report()),
            "TCP from netns1 to 192.168.50.10: nothing could listen there, in netns2: ECONNREFUSED\n");
}
TEST(EchoReportTest, FindsSightingsByPlaceAndKind) {
  const EchoReport report = samples::echo_report();
  EXPECT_EQ(report.seen("netns1", "veth2", SightingKind::kRequest).size(), 1U);
  EXPECT_EQ(report.seen("netns1", "veth2", SightingKind::kReply).size(), 0U);
  EXPECT_EQ(report.seen("", "veth2", SightingKind::kRequest).size(), 0U);
  EXPECT_EQ(report.answered(), 1U);
}

struct Problem {
  const char* name;
  IcmpProblem problem;
  const char* want;
};
class IcmpProblemText : public ::testing::TestWithParam<Problem> {};
TEST_P(IcmpProblemText, SaysWhoSaidWhat) { EXPECT_EQ(to_string(GetParam().problem), GetParam().want); }
const IpAddress kRouter = IpAddress::v4(10, 0, 0, 1);
const IpAddress kRouter6 = *IpAddress::parse("fd00::1");
INSTANTIATE_TEST_SUITE_P(
    Of, IcmpProblemText,
    ::testing::Values(Problem{"PacketTooBig",
                              {kRouter, 3, 4, 1400, kRouter, false},
                              "10.0.0.1 says: fragmentation needed, but the packet says don't fragment (MTU 1400), "
                              "about our packet to 10.0.0.1"},
                      Problem{"OurOwnKernel",
                              {kRouter6, 2, 0, 1280, kRouter6, true},
                              "our own kernel says: packet too big (MTU 1280), about our packet to fd00::1"},
                      Problem{"TtlExceeded",
                              {kRouter, 11, 0, 0, kRouter, false},
                              "10.0.0.1 says: time to live exceeded on the way, about our packet to 10.0.0.1"},
                      Problem{"Unknown",
                              {kRouter, 77, 3, 0, kRouter, false},
                              "10.0.0.1 says: ICMP type 77 code 3, about our packet to 10.0.0.1"}),
    [](const ::testing::TestParamInfo<Problem>& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab
