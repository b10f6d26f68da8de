#include "harness/conformance/packet_sysctls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace netns_lab {
namespace {

using ::testing::Contains;

TEST(PacketSysctls, AreOfTheNamespaceAndOfEachLink) {
  const auto keys = packet_sysctls({"veth1"});
  EXPECT_THAT(keys, Contains("net.ipv4.ip_forward"));
  EXPECT_THAT(keys, Contains("net.ipv4.conf.all.rp_filter"));
  EXPECT_THAT(keys, Contains("net.ipv6.conf.veth1.addr_gen_mode"));
}

TEST(PacketSysctls, WriteADotInALinksNameAsSysctlDoes) {
  EXPECT_THAT(packet_sysctls({"eth0.7"}), Contains("net.ipv4.conf.eth0/7.proxy_arp"));
}

TEST(PacketSysctls, AreNamedOnce) {
  const auto keys = packet_sysctls({"veth1"});
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size());
}

}  // namespace
}  // namespace netns_lab
