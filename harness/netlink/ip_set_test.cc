// Sets of ipset against the kernel.
#include "harness/netlink/ip_set.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "harness/netlink/test_namespace.h"

namespace netns_lab::netlink {
namespace {

using testing::IsEmpty;

Request create_set(const char* name, const char* type, std::uint8_t family) {
  Request request(static_cast<std::uint16_t>((NFNL_SUBSYS_IPSET << 8) | IPSET_CMD_CREATE), NLM_F_CREATE | NLM_F_EXCL);
  nfgenmsg header{};
  header.nfgen_family = family;
  request.put_header(header);
  request.put_u8(IPSET_ATTR_PROTOCOL, 6);
  request.put_string(IPSET_ATTR_SETNAME, name);
  request.put_string(IPSET_ATTR_TYPENAME, type);
  request.put_u8(IPSET_ATTR_REVISION, 0);
  request.put_u8(IPSET_ATTR_FAMILY, family);
  request.put_nested(IPSET_ATTR_DATA, [] {});
  return request;
}

class IpSetTest : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (!kernel_has_ip_sets()) GTEST_SKIP() << "this kernel has no sets of ipset (ip_set)";
  }
};

TEST_F(IpSetTest, AreSeenByNameTypeAndFamily) {
  NetlinkSocket socket = home().socket(Protocol::kNetfilter);
  const auto none = list_ip_sets(socket);
  ASSERT_TRUE(none) << none.error();
  EXPECT_THAT(*none, IsEmpty());
  for (const auto& [name, family] : {std::pair{"left", NFPROTO_IPV4}, std::pair{"right", NFPROTO_IPV6}}) {
    const auto made = socket.execute(create_set(name, "hash:ip", static_cast<std::uint8_t>(family)));
    if (!made) GTEST_SKIP() << "this kernel has no sets of the type hash:ip: " << made.error();
  }
  const auto sets = list_ip_sets(socket);
  ASSERT_TRUE(sets) << sets.error();
  EXPECT_THAT(*sets, testing::UnorderedElementsAre(FurtherObject{"IP set", "left", "of the type hash:ip, IPv4"},
                                                   FurtherObject{"IP set", "right", "of the type hash:ip, IPv6"}));
}

TEST(IpSet, AnAnswerThatIsCutShortIsAnError) {
  MessageView message;
  const std::uint8_t bytes[] = {NFPROTO_IPV4, 0, 0, 0, 20, 0, IPSET_ATTR_SETNAME, 0, 'a'};
  message.payload = bytes;
  EXPECT_FALSE(decode_ip_set(message));
  message.payload = message.payload.first(2);
  EXPECT_FALSE(decode_ip_set(message));
}

}  // namespace
}  // namespace netns_lab::netlink
