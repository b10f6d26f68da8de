#include "harness/node/mesh.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "harness/netlink/link.h"
#include "harness/node/network_fixture.h"
#include "harness/node/network_state.h"

namespace netns_lab::node {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Of a network that loses: as short as a test likes it, and long enough for a machine that is busy.
constexpr milliseconds kSilence{300};

class MeshTest : public NetworkFixture {
 protected:
  // Namespaces c0, c1, … on a bridge, without IPv6 unless that is the family.
  void build(std::size_t members, Family family = Family::kIpv4) {
    std::vector<Change> changes = {CreateLink{"", "br0", "bridge"}, raised("", "br0")};
    for (std::size_t i = 0; i < members; ++i) {
      const std::string name = fmt::format("c{}", i);
      changes.emplace_back(CreateNamespace{name});
      if (family == Family::kIpv4) changes.emplace_back(SetSysctl{name, "net.ipv6.conf.default.disable_ipv6", "1"});
      CreateVeth pair = pair_of(fmt::format("port{}", i), name, "eth0");
      pair.master = "br0";
      pair.up = true;
      changes.emplace_back(pair);
      const std::string address = family == Family::kIpv4 ? fmt::format("10.0.{}.{}", (i + 1) / 256, (i + 1) % 256)
                                                          : fmt::format("fd00::{:x}", i + 1);
      changes.emplace_back(address_on(name, "eth0", address + (family == Family::kIpv4 ? "/16" : "/64")));
      changes.emplace_back(raised(name, "eth0"));
      spec_.members.push_back({name, "eth0", IpAddress::parse(address).value()});
    }
    const auto done = apply_changes(handles(), changes);
    ASSERT_TRUE(done) << done.error();
    // What is sent before a port forwards is lost.
    await_forwarding(members);
    for (const MeshMember& member : spec_.members) await_in_use(member);
  }

  // An IPv6 address is nobody's until a worker of the kernel has come to it (addrconf_dad_work, net/ipv6/addrconf.c),
  // whatever its flags say before: it then has its route in table local.
  void await_in_use(const MeshMember& member) {
    for (const Deadline deadline = Deadline::after(std::chrono::seconds(20)); !deadline.passed(); ::sched_yield()) {
      const NamespaceState state = look(member.network_namespace);
      const bool is_in_use = std::any_of(state.routes.begin(), state.routes.end(), [&member](const Route& route) {
        return route.type == RouteType::kLocal && route.destination.address == member.address;
      });
      if (is_in_use) return;
    }
    FAIL() << member.address.to_string() << " of " << member.network_namespace << " does not come into use";
  }

  void await_forwarding(std::size_t members) {
    for (const Deadline deadline = Deadline::after(std::chrono::seconds(5)); !deadline.passed(); ::sched_yield()) {
      const NamespaceState state = look("");
      const auto up = std::count_if(state.links.begin(), state.links.end(), [](const Link& link) {
        return link.name.starts_with("port") && link.operstate == OperState::kUp;
      });
      if (static_cast<std::size_t>(up) == members) return;
    }
    FAIL() << "the ports do not come up";
  }

  NamespaceState look(const std::string& name) {
    SnapshotOptions options;
    options.addressing_only = true;
    return read_network_state(handles(), name, options).value();
  }
  void apply(const Change& change) {
    const auto done = apply_changes(handles(), {change});
    ASSERT_TRUE(done) << done.error();
  }
  Result<MeshReport> mesh() {
    return run_mesh("/run/netns", spec_, Deadline::after(std::chrono::seconds(30)), cancel_);
  }
  std::vector<std::string> lines(const MeshReport& report) const { return describe_gaps(spec_, report, 20); }
  // Of all members: entries that are not the kernel's own.
  std::vector<std::string> entries_by_hand() {
    std::vector<std::string> all;
    for (const MeshMember& member : spec_.members) {
      for (const Neighbour& entry : look(member.network_namespace).neighbours) {
        if (entry.is_static()) all.push_back(member.network_namespace + " " + entry.address.to_string());
      }
    }
    return all;
  }

  MeshSpec spec_;
  Cancellation cancel_;
};

class MeshOfFamily : public MeshTest, public testing::WithParamInterface<Family> {};

TEST_P(MeshOfFamily, AnswersForEveryPairAndLeavesNoEntry) {
  build(5, GetParam());
  const auto report = mesh();
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->pairs, 20U);
  EXPECT_EQ(report->answered, 20U) << *report << testing::PrintToString(lines(*report));
  EXPECT_THAT(report->gaps, IsEmpty());
  EXPECT_EQ(report->entries, 20U);
  EXPECT_THAT(entries_by_hand(), IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(Families, MeshOfFamily, testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& row) { return to_string(row.param); });

TEST_F(MeshTest, GoesOverSeveralGroupsWithFewDescriptors) {
  build(130);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit few = {.rlim_cur = 256, .rlim_max = limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const auto report = run_mesh("/run/netns", spec_, Deadline::after(std::chrono::seconds(30)), cancel_, 20);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->answered, 130U * 129U) << *report << testing::PrintToString(lines(*report));
  EXPECT_EQ(report->rounds, 11U);  // seven groups: 21 pairs of them, and four tasks within; by two lanes
}

TEST_F(MeshTest, InPartsIsTheSame) {
  build(16);
  spec_.reply_wait = kSilence;
  SetLink down;
  down.name = "port7";
  down.up = false;
  apply(down);
  spec_.at_most = milliseconds(1);  // over after any round
  MeshReport whole;
  int parts = 0;
  while (!whole.is_complete && parts < 20) {
    const auto part = run_mesh("/run/netns", spec_, Deadline::after(std::chrono::seconds(30)), cancel_, 4);
    ASSERT_TRUE(part) << part.error();
    EXPECT_GE(part->rounds, 1U);
    add_part(whole, *part);
    spec_.first_round = whole.rounds;
    ++parts;
  }
  EXPECT_GT(parts, 1);
  EXPECT_EQ(whole.rounds, 3U);  // four groups: six pairs of them and twice two within, by two lanes
  EXPECT_EQ(whole.pairs, 16U * 15U);
  EXPECT_EQ(whole.answered, 15U * 14U);
  EXPECT_THAT(lines(whole), ElementsAre("c7 to all 15 others: the request did not arrive",
                                        "all 15 others to c7: the request did not arrive"));
  EXPECT_THAT(entries_by_hand(), IsEmpty());
}

TEST_F(MeshTest, NamesWhoIsNotReached) {
  build(5);
  spec_.reply_wait = kSilence;
  SetLink down;
  down.name = "port3";
  down.up = false;
  apply(down);
  const auto report = mesh();
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->answered, 12U);
  EXPECT_THAT(lines(*report), ElementsAre("c3 to all 4 others: the request did not arrive",
                                          "all 4 others to c3: the request did not arrive"));
  EXPECT_FALSE(report->is_uncertain);
  EXPECT_THAT(entries_by_hand(), IsEmpty());
}

TEST_F(MeshTest, TellsAReceiverThatDoesNotAnswerFromOneThatIsNotReached) {
  build(3);
  spec_.reply_wait = kSilence;
  apply(SetSysctl{"c1", "net.ipv4.icmp_echo_ignore_all", "1"});
  const auto report = mesh();
  ASSERT_TRUE(report) << report.error();
  EXPECT_THAT(lines(*report), ElementsAre("all 2 others to c1: the request arrived, no reply came back"));
}

TEST_F(MeshTest, LeavesAnEntryMadeByHandAndTellsWhatItLeadsTo) {
  build(4);
  spec_.reply_wait = kSilence;
  apply(AddNeighbour{"c0", "eth0", spec_.members[2].address, MacAddress({2, 0, 0, 0, 0, 9})});
  const auto report = mesh();
  ASSERT_TRUE(report) << report.error();
  // Nor does c0 answer c2.
  EXPECT_THAT(lines(*report),
              ElementsAre("c0 to c2: the request did not arrive", "c2 to c0: the request arrived, no reply came back"));
  EXPECT_THAT(entries_by_hand(), ElementsAre("c0 10.0.0.3"));
}

TEST_F(MeshTest, TakesTheWayThatItMadeWhereOneWasLearned) {
  build(4);
  spec_.reply_wait = kSilence;
  netlink::NetlinkSocket* const socket = handles().socket("c0").value();
  const auto link = netlink::get_link(*socket, netlink::LinkRef::named("eth0"));
  ASSERT_TRUE(link) << link.error();
  netlink::Request learned(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  ndmsg header{};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = static_cast<int>(link->index);
  header.ndm_state = NUD_STALE;
  learned.put_header(header);
  learned.put(NDA_DST, spec_.members[2].address);
  learned.put(NDA_LLADDR, MacAddress({2, 0, 0, 0, 0, 9}));
  ASSERT_TRUE(socket->execute(std::move(learned)));
  const auto report = mesh();
  ASSERT_TRUE(report) << report.error();
  EXPECT_THAT(lines(*report), IsEmpty());
  EXPECT_EQ(report->entries, 12U);
  EXPECT_THAT(entries_by_hand(), IsEmpty());
}

TEST_F(MeshTest, TellsAWrongTtl) {
  build(3);
  spec_.reply_wait = kSilence;
  apply(SetSysctl{"c2", "net.ipv4.ip_default_ttl", "63"});
  const auto report = mesh();
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->answered, 2U);
  EXPECT_THAT(lines(*report), testing::Contains(HasSubstr("c2 to all 2 others: request or reply had another")));
}

TEST_F(MeshTest, ReportsAMemberThatIsNotThere) {
  build(3);
  spec_.members.push_back({"nobody", "eth0", IpAddress::parse("10.0.0.99").value()});
  const auto report = mesh();
  ASSERT_TRUE(report) << report.error();
  EXPECT_EQ(report->answered, 6U);
  EXPECT_THAT(lines(*report), ElementsAre("nobody to all 3 others: there is no such namespace or link",
                                          "all 3 others to nobody: there is no such namespace or link"));
}

TEST_F(MeshTest, TellsWhatTheSendersKernelRefused) {
  build(3);
  spec_.reply_wait = kSilence;
  apply(AddRoute{"c0", [] {
                   Route route = direct_route("10.0.0.2/32", "eth0");
                   route.type = RouteType::kUnreachable;
                   route.hops.clear();
                   return route;
                 }()});
  const auto report = mesh();
  ASSERT_TRUE(report) << report.error();
  EXPECT_THAT(lines(*report), testing::Contains("c0 to c1: the request was not sent (EHOSTUNREACH)"));
}

TEST_F(MeshTest, IsCancelledWithoutLeavingEntries) {
  build(4);
  cancel_.request();
  const auto report = mesh();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, ErrorKind::kCancelled);
  EXPECT_THAT(entries_by_hand(), IsEmpty());
}

TEST_F(MeshTest, RefusesASpecOutOfRange) {
  spec_.members.push_back({"c0", "eth0", IpAddress::v4(10, 0, 0, 1)});
  EXPECT_EQ(mesh().error().kind, ErrorKind::kInvalid);
  spec_.members.push_back({"c1", "eth0", IpAddress::parse("fd00::1").value()});
  EXPECT_THAT(mesh().error().message(), HasSubstr("two families"));
}

}  // namespace
}  // namespace netns_lab::node
