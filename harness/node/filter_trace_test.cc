// The kernel's own trace of what a packet filter does, against filters made by nft(8).
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "harness/node/handles_network.h"
#include "harness/node/network_fixture.h"
#include "harness/node/network_state.h"
#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using test::machine;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInput =
    "nft add table inet extra && nft add chain inet extra in '{ type filter hook input priority 0; }' && ";

class FilterTraceTest : public NetworkFixture {
 protected:
  void SetUp() override {
    if (machine("nft list tables >/dev/null 2>&1; echo $?") != "0")
      GTEST_SKIP() << "nft is not installed (package nftables), or this kernel lacks nf_tables";
    ASSERT_EQ(machine("ip link set lo up"), "");
  }
  void TearDown() override { machine("nft flush ruleset"); }

  static IpAddress address(const char* text) { return IpAddress::parse(text).value(); }
  static std::unique_ptr<TraceHandle> start(const char* about) {
    return TraceHandle::open("/run/netns", {.namespaces = {"", "no-such"}, .addresses = {address(about)}});
  }
  static std::vector<FilterVerdict> verdicts(TraceHandle& trace) { return trace.verdicts().value().verdicts; }
  // A datagram to the discard port (RFC 863), where nobody listens.
  static void send_to(const char* text) {
    const IpAddress to = address(text);
    const UniqueFd socket(::socket(address_family(to.family()), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {}, .sin_zero = {}};
    sockaddr_in6 v6{
        .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_flowinfo = 0, .sin6_addr = {}, .sin6_scope_id = 0};
    if (to.is_v4()) {
      ::inet_pton(AF_INET, text, &v4.sin_addr);
      ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
    } else {
      ::inet_pton(AF_INET6, text, &v6.sin6_addr);
      ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
    }
  }
  static auto is(const char* table, const char* chain, std::uint32_t position, const char* verdict) {
    return AllOf(Field(&FilterVerdict::table, table), Field(&FilterVerdict::chain, chain),
                 Field(&FilterVerdict::position, position), Field(&FilterVerdict::verdict, verdict));
  }
};

TEST_F(FilterTraceTest, TheRuleThatDropsIsToldWithItsPlace) {
  ASSERT_EQ(machine(std::string(kInput) + "nft add rule inet extra in tcp dport 22 accept && "
                                          "nft add rule inet extra in udp dport 9 drop"),
            "");
  const auto trace = start("127.0.0.1");
  send_to("127.0.0.1");
  send_to("127.0.0.1");
  const auto found = verdicts(*trace);
  ASSERT_THAT(found, ElementsAre(is("inet extra", "in", 2, "drops")));
  EXPECT_NE(machine("nft --handle list chain inet extra in").find("handle " + std::to_string(found[0].rule)),
            std::string::npos);
  EXPECT_THAT(verdicts(*trace), IsEmpty());  // told once
}

TEST_F(FilterTraceTest, ThePolicyOfAChainIsNoRule) {
  ASSERT_EQ(machine(std::string(kInput) + "nft add chain inet extra in '{ policy drop; }'"), "");
  const auto trace = start("127.0.0.1");
  send_to("127.0.0.1");
  const auto found = verdicts(*trace);
  ASSERT_THAT(found, ElementsAre(is("inet extra", "in", 0, "drops")));
  EXPECT_EQ(found[0].rule, 0U);
}

TEST_F(FilterTraceTest, AChainThatIsJumpedToIsNamedItself) {
  ASSERT_EQ(machine(std::string(kInput) + "nft add chain inet extra more && nft add rule inet extra in jump more && "
                                          "nft add rule inet extra more reject"),
            "");
  const auto trace = start("127.0.0.1");
  send_to("127.0.0.1");
  EXPECT_THAT(verdicts(*trace), ElementsAre(is("inet extra", "more", 1, "drops")));
}

TEST_F(FilterTraceTest, OneBehindTheTranslationOfAnAddressIsFound) {
  ASSERT_EQ(machine("nft add table ip nat && nft add chain ip nat out '{ type nat hook output priority -100; }' && "
                    "nft add rule ip nat out ip daddr 127.0.0.2 dnat to 127.0.0.3"),
            "");
  ASSERT_EQ(machine(std::string(kInput) + "nft add rule inet extra in ip daddr 127.0.0.3 drop"), "");
  const auto trace = start("127.0.0.2");
  send_to("127.0.0.2");
  EXPECT_THAT(verdicts(*trace), ElementsAre(is("inet extra", "in", 1, "drops")));
}

TEST_F(FilterTraceTest, Ipv6IsTraced) {
  ASSERT_EQ(machine(std::string(kInput) + "nft add rule inet extra in udp dport 9 drop"), "");
  const auto trace = start("::1");
  send_to("::1");
  EXPECT_THAT(verdicts(*trace), ElementsAre(is("inet extra", "in", 1, "drops")));
}

TEST_F(FilterTraceTest, WhatPassesOrIsForOthersIsNot) {
  ASSERT_EQ(machine(std::string(kInput) + "nft add rule inet extra in ip daddr 127.0.0.9 drop && "
                                          "nft add rule inet extra in counter accept"),
            "");
  const auto trace = start("127.0.0.5");
  send_to("127.0.0.5");
  send_to("127.0.0.9");
  EXPECT_THAT(verdicts(*trace), IsEmpty());
}

TEST_F(FilterTraceTest, ItsTableGoesWithIt) {
  {
    const auto trace = start("127.0.0.1");
    EXPECT_THAT(machine("nft list tables"), HasSubstr("netns-lab-trace-"));
  }
  EXPECT_EQ(machine("nft list tables"), "");
  EXPECT_THAT(read_network_state(handles(), "", {}, {}).value().nft_tables, IsEmpty());
}

// Somebody may ask why a packet is lost beside a test of the same node: that has its own closed world.
TEST_F(FilterTraceTest, ItsTableIsNothingThatATargetMade) {
  ASSERT_EQ(machine("nft add table ip netns-lab-trace-7"), "");  // one of that name is, unless it is a trace's
  const auto trace = start("127.0.0.1");
  SnapshotOptions options;
  options.counters = true;
  const NamespaceState seen = read_network_state(handles(), "", options, {}).value();
  EXPECT_THAT(texts(seen.nft_tables), ElementsAre("ip netns-lab-trace-7"));
  EXPECT_THAT(seen.filter_hooks, IsEmpty());
}

}  // namespace
}  // namespace netns_lab::node
