#include "harness/node/guest_labs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <optional>

#include "harness/base/deadline.h"
#include "harness/netlink/link.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netns/netns.h"
#include "harness/node/agent_fixture.h"
#include "harness/node/guest_boot.h"
#include "harness/node/guest_init.h"
#include "harness/protocol/guest.h"

namespace netns_lab::node {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

protocol::HelloRequest hello() { return {.build = build_id()}; }

// Waits until nothing of any lab is left.
bool all_ended(GuestLabs& labs) {
  const Deadline deadline = Deadline::after(seconds(20));
  while (true) {
    labs.work();
    std::vector<pollfd> waits;
    labs.watch(waits);
    if (waits.empty()) return true;
    if (deadline.passed()) return false;
    ::poll(waits.data(), waits.size(), deadline.poll_timeout());
  }
}

TEST(GuestLabs, APrivateLabIsASandboxThatEndsWithItsNodesStream) {
  GuestLabs labs({"kernel 1.2.3 has no wireguard"});
  auto node = labs.open("node 7");
  ASSERT_TRUE(node.has_value()) << node.error();
  auto outside = labs.open("outside 7");
  ASSERT_TRUE(outside.has_value()) << outside.error();
  {
    Tester tester(*std::move(node));
    const auto said = tester.ask(hello());
    ASSERT_TRUE(said.has_value()) << said.error();
    EXPECT_EQ(said->provider, "qemu");
    EXPECT_EQ(said->node, "node-1");
    EXPECT_THAT(said->lost, Contains("kernel 1.2.3 has no wireguard"));
    Tester other(*std::move(outside));
    const auto said_outside = other.ask(hello());
    ASSERT_TRUE(said_outside.has_value()) << said_outside.error();
    EXPECT_EQ(said_outside->node, "outside");
  }
  EXPECT_TRUE(all_ended(labs));
  EXPECT_FALSE(labs.standing_ended());
}

TEST(GuestLabs, APrivateLabOfTwoNodesHandsOutEachOnce) {
  GuestLabs labs({});
  auto first = labs.open("nodes 2 7");
  ASSERT_TRUE(first.has_value()) << first.error();
  auto second = labs.open("further 2 7");
  ASSERT_TRUE(second.has_value()) << second.error();
  {
    Tester one(*std::move(first));
    Tester two(*std::move(second));
    for (auto* tester : {&one, &two}) {
      const auto said = tester->ask(hello());
      ASSERT_TRUE(said.has_value()) << said.error();
      EXPECT_EQ(said->node, tester == &one ? "node-1" : "node-2");
    }
    for (const char* label : {"further 2 7", "further 3 7", "further 1 7", "further 2 8", "further 2", "nodes 1 7",
                              "nodes 17 7", "nodes x 7", "nodes 2 "}) {
      EXPECT_FALSE(labs.open(label).has_value()) << label;
    }
  }
  EXPECT_TRUE(all_ended(labs));
}

// Two namespaces stand for two machines, and a veth pair for the wire between them.
class TwoMachines : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_vlans()) GTEST_SKIP() << "this machine's kernel has no VLANs (CONFIG_VLAN_8021Q)";
    for (auto* machine : {&first_, &second_}) {
      auto made = NetworkNamespace::create();
      ASSERT_TRUE(made.has_value()) << made.error();
      machine->emplace(*std::move(made));
    }
    netlink::VethSpec wire;
    wire.name = wire.peer_name = "wire";
    wire.peer_namespace = (*second_).fd();
    wire.mac = MacAddress({0x02, 0x00, 0x0a, 0x01, 0x01, 0x02});
    wire.peer_mac = MacAddress({0x02, 0x00, 0x0a, 0x01, 0x02, 0x01});
    const auto joined = within(*first_, [&]() -> Result<void> {
      NETNS_LAB_ASSIGN(auto socket, netlink::NetlinkSocket::open(netlink::Protocol::kRoute));
      return socket.execute(netlink::create_veth(wire));
    });
    ASSERT_TRUE(joined.has_value()) << joined.error();
  }
  static bool has_vlans() {
    bool has = false;
    const auto fresh = NetworkNamespace::create();
    if (!fresh) return false;
    const auto tried = within(*fresh, [&has]() -> Result<void> {
      NETNS_LAB_ASSIGN(auto socket, netlink::NetlinkSocket::open(netlink::Protocol::kRoute));
      netlink::VlanSpec spec;
      spec.lower = 1;
      spec.id = 2;
      spec.name = "vlan";
      const auto made = socket.execute(netlink::create_vlan(spec));
      has = made || made.error().system_errno != EOPNOTSUPP;  // a loopback can have none
      return {};
    });
    return tried && has;
  }
  static UniqueFd open(const NetworkNamespace& machine, GuestLabs& labs, const std::string& label) {
    UniqueFd stream;
    const auto opened = within(machine, [&]() -> Result<void> {
      NETNS_LAB_ASSIGN(stream, labs.open(label));
      return {};
    });
    EXPECT_TRUE(opened.has_value()) << opened.error();
    return stream;
  }
  static std::size_t answered(Tester& from, const std::string& to) {
    protocol::ProbeRequest request;
    EchoSpec echo;
    echo.destination = IpAddress::parse(to).value();
    request.echoes = {echo};
    const auto reply = from.ask(request);
    EXPECT_TRUE(reply.has_value()) << reply.error();
    if (!reply) return 0;
    const auto& echoes = reply->echoes.at(0).echoes;
    return static_cast<std::size_t>(
        std::count_if(echoes.begin(), echoes.end(), [](const Echo& one) { return one.reply.has_value(); }));
  }

  std::optional<NetworkNamespace> first_;
  std::optional<NetworkNamespace> second_;
};

TEST_F(TwoMachines, HoldALabBetweenThemAndASecondOneBeside) {
  GuestLabs here({});
  GuestLabs there({});
  {
    Tester one(open(*first_, here, "part 1 2 100 7"));
    Tester two(open(*second_, there, "part 2 2 100 7"));
    Tester other(open(*second_, there, "part 2 2 101 8"));
    for (auto* tester : {&one, &two, &other}) {
      const auto said = tester->ask(hello());
      ASSERT_TRUE(said.has_value()) << said.error();
      EXPECT_EQ(said->node, tester == &one ? "node-1" : "node-2");
    }
    EXPECT_EQ(answered(one, "10.0.0.20"), 3U);
    EXPECT_EQ(answered(two, "10.0.0.10"), 3U);
    EXPECT_EQ(answered(two, "10.0.0.1"), 3U) << "the outside is beside node-1";
    EXPECT_EQ(answered(two, "2001:db8:0:1::10"), 3U);
    EXPECT_EQ(answered(other, "10.0.0.10"), 0U) << "it is on another segment";
  }
  EXPECT_TRUE(all_ended(here));
  EXPECT_TRUE(all_ended(there));
}

TEST(GuestLabs, WithoutAWireThereIsNoLabOfSeveralMachines) {
  GuestLabs labs({});
  {
    auto stream = labs.open("part 1 2 100 7");
    ASSERT_TRUE(stream.has_value()) << stream.error();
    Tester tester(*std::move(stream));
    EXPECT_FALSE(tester.ask(hello()).has_value());
  }
  EXPECT_TRUE(all_ended(labs));
}

TEST(GuestLabs, TheStandingOneIsSharedAndItsShutdownIsTold) {
  GuestLabs labs({});
  auto first = labs.open(protocol::kStandingNode);
  ASSERT_TRUE(first.has_value()) << first.error();
  auto second = labs.open(protocol::kStandingNode);
  ASSERT_TRUE(second.has_value()) << second.error();
  Tester one(*std::move(first));
  Tester two(*std::move(second));
  ASSERT_TRUE(one.ask(hello()).has_value());
  ASSERT_TRUE(two.ask(hello()).has_value());
  labs.work();
  EXPECT_FALSE(labs.standing_ended());
  EXPECT_TRUE(one.ask(protocol::ShutdownRequest{}).has_value());
  EXPECT_TRUE(all_ended(labs));
  EXPECT_TRUE(labs.standing_ended());
}

TEST(GuestLabs, LabelsThatMeanNothingAreRefused) {
  GuestLabs labs({});
  for (const char* label : {"",
                            "node",
                            "node ",
                            "outside 9",
                            "outside ",
                            "standing",
                            "nonsense",
                            "part 1 2 100",
                            "part 1 2 100 ",
                            "part 3 2 100 7",
                            "part 0 2 100 7",
                            "part 1 1 100 7",
                            "part 1 17 100 7",
                            "part 1 2 1 7",
                            "part 1 2 4094 7",
                            "part 1 2 x 7",
                            "part 1",
                            "part -1 2 100 7",
                            "part 99999999999 2 100 7",
                            "standing part 1",
                            "standing part 3 2",
                            "standing part 1 2 3",
                            "standing outside of 1",
                            "standing outside of"}) {
    const auto stream = labs.open(label);
    ASSERT_FALSE(stream.has_value()) << label;
    EXPECT_EQ(stream.error().kind, ErrorKind::kInvalid) << label;
    EXPECT_THAT(stream.error().message(), HasSubstr("no such lab"));
  }
}

TEST(GuestInit, TellsTheKernelWhichModulesAreCompressed) {
  EXPECT_EQ(module_flags("/lib/modules/1/veth.ko"), 0);
  EXPECT_NE(module_flags("/lib/modules/1/veth.ko.xz"), 0);
  EXPECT_NE(module_flags("/lib/modules/1/veth.ko.zst"), 0);
}

TEST(GuestInit, AModuleWaitsForThoseBeforeItOnly) {
  const auto modules = parse_module_list(
      {"/m/llc.ko:", "/m/a.ko: /m/b.ko /m/nosuch.ko", "/m/b.ko: /m/a.ko /m/llc.ko", "", "/m/no-colon.ko"});
  ASSERT_EQ(modules.size(), 5u);
  EXPECT_EQ(modules[2].path, "/m/b.ko");
  EXPECT_THAT(modules[0].needs, IsEmpty());
  EXPECT_THAT(modules[1].needs, IsEmpty()) << "of a circle";
  EXPECT_THAT(modules[2].needs, ElementsAre(1, 0));
  EXPECT_EQ(modules[4].path, "/m/no-colon.ko");
}

TEST(GuestInit, IsForTheFirstProcessOfAMachineOnly) { EXPECT_EQ(run_guest(), 2); }

}  // namespace
}  // namespace netns_lab::node
