#include "harness/node/counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab::node {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Counters, PairedLinesGiveProtocolAndName) {
  EXPECT_THAT(parse_paired_counters("Ip: Forwarding InReceives\nIp: 2 7\nTcp: MaxConn InSegs\nTcp: -1 9\n"),
              ElementsAre(Pair("Ip.Forwarding", 2), Pair("Ip.InReceives", 7), Pair("Tcp.InSegs", 9)));
}

TEST(Counters, LinesThatAreNoPairGiveNothing) {
  EXPECT_THAT(parse_paired_counters("Ip: InReceives\nTcp: InSegs\n\nx\n"), IsEmpty());
}

TEST(Counters, NamedLinesGiveTheirName) {
  EXPECT_THAT(parse_named_counters("Ip6InReceives   \t 7\nIp6InHdrErrors 0\nbroken\n"),
              ElementsAre(Pair("Ip6InHdrErrors", 0), Pair("Ip6InReceives", 7)));
}

TEST(Counters, DevicesTellWhatTheyDropped) {
  EXPECT_THAT(parse_device_counters("Inter-|   Receive  |  Transmit\n face |bytes packets errs drop\n"
                                    " veth1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"),
              ElementsAre(Pair("veth1.rx_dropped", 4), Pair("veth1.tx_dropped", 12)));
}

TEST(Counters, OfANewNamespaceSayThatNothingPassedYet) {
  auto fresh = NetworkNamespace::create();
  if (!fresh) GTEST_SKIP() << "no namespace can be made here: " << fresh.error().message();
  const auto counters = read_counters(*fresh);
  ASSERT_TRUE(counters) << counters.error().message();
  EXPECT_EQ(counters->at("Ip.InReceives"), 0U);
  EXPECT_EQ(counters->at("TcpExt.IPReversePathFilter"), 0U);
  EXPECT_EQ(counters->at("lo.rx_dropped"), 0U);
}

TEST(BacklogDrops, AreTheSecondColumnOfAllProcessors) {
  EXPECT_EQ(parse_backlog_drops("0000a1b2 0000000a 00000000 0\n00000001 00000010 00000002 0\n"), 26U);
  EXPECT_EQ(parse_backlog_drops(""), std::nullopt);
  EXPECT_TRUE(read_backlog_drops());
}

}  // namespace
}  // namespace netns_lab::node
