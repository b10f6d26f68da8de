#include "harness/node/sysctl_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/node/apply.h"
#include "harness/node/network_fixture.h"
#include "harness/node/part_1.h"

namespace netns_lab::node {
namespace {

class SysctlReaderTest : public NetworkFixture {
 protected:
  Sysctls all_of(const std::string& name) {
    const NetworkHandles::Use use(handles());
    const NetworkNamespace& where = **handles().network_namespace(name);
    Sysctls values = handles().sysctl_reader().read_common(where).value();
    Sysctls of_interfaces = handles().sysctl_reader().read_interfaces(where, **handles().socket(name)).value();
    values.merge(of_interfaces);
    return values;
  }
  Sysctls one_by_one(const std::string& name, const Sysctls& keys_of) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : keys_of) keys.push_back(key);
    const NetworkHandles::Use use(handles());
    return read_sysctls(**handles().network_namespace(name), keys).value();
  }
  void build() {
    if (const auto done = apply_changes(handles(), single_namespace()); !done)
      throw std::runtime_error(done.error().message());
  }
};

TEST_F(SysctlReaderTest, AllOfThemAreTheOnesReadOneByOneEveryTime) {
  build();
  for (const char* round : {"first", "second"}) {
    for (const char* name : {"", "netns1"}) {
      const Sysctls all = all_of(name);
      EXPECT_GT(all.size(), 300U);
      EXPECT_EQ(all, one_by_one(name, all)) << round << " reading of " << name;
    }
  }
  EXPECT_EQ(all_of("netns1").count("net.ipv4.conf.veth2.forwarding"), 1U);
  EXPECT_EQ(all_of("netns1").count("net.ipv6.neigh.veth2.retrans_time_ms"), 1U);
  EXPECT_EQ(all_of("netns1").count("net.ipv4.conf.veth1.forwarding"), 0U);
}

TEST_F(SysctlReaderTest, AProcfsOfItsOwnShowsEachNamespaceItsOwn) {
  build();
  ASSERT_TRUE(apply_changes(
      handles(), {SetSysctl{"netns1", "net.ipv4.ip_forward", "1"}, SetSysctl{"", "net.ipv4.ip_forward", "0"}}));
  const SysctlView view = SysctlView::own();
  if (!view.is_own()) GTEST_SKIP() << "this process may not have a procfs of its own: it owns no PID namespace";
  const NetworkHandles::Use use(handles());
  for (const char* name : {"", "netns1", ""}) {
    const NetworkNamespace& where = **handles().network_namespace(name);
    const Sysctls seen = handles().sysctl_reader().read_common(where, view).value();
    EXPECT_EQ(seen, handles().sysctl_reader().read_common(where).value()) << name;
    EXPECT_EQ(seen.at("net.ipv4.ip_forward"), *name == '\0' ? "0" : "1");
  }
}

// What an interface's sysctls are taken from must change with each of them.
TEST_F(SysctlReaderTest, AChangeOfAnyKeyOfAnInterfaceIsSeen) {
  build();
  const Sysctls before = all_of("netns1");
  int tried = 0;
  std::vector<std::string> unseen;
  for (const auto& [key, value] : before) {
    if (key.find(".veth2.") == std::string::npos) continue;
    const NetworkHandles::Use use(handles());
    const NetworkNamespace& where = **handles().network_namespace("netns1");
    for (const char* other : {"0", "1", "2", "7", "1400", "100000"}) {
      if (value == other || !write_sysctl(where, key, other)) continue;
      const std::string now = read_sysctl(where, key).value();
      if (now == value) continue;
      ++tried;
      if (all_of("netns1")[key] != now) unseen.push_back(key);
      // disable_ipv6 takes the addresses and folders with it: the rest of the keys is tried all the same.
      write_sysctl(where, key, value);
      break;
    }
  }
  EXPECT_GT(tried, 80);
  EXPECT_THAT(unseen, testing::IsEmpty());
}

TEST_F(SysctlReaderTest, AStableSecretIsSeenOnTheLinkAndWhereNewLinksTakeTheirsFrom) {
  build();
  for (const char* key : {"net.ipv6.conf.veth2.stable_secret", "net.ipv6.conf.default.stable_secret"}) {
    EXPECT_EQ(all_of("netns1").count(key), 0U) << key;
    {
      const NetworkHandles::Use use(handles());
      ASSERT_TRUE(write_sysctl(**handles().network_namespace("netns1"), key, "2001:db8::1")) << key;
    }
    EXPECT_EQ(all_of("netns1")[key], "2001:0db8:0000:0000:0000:0000:0000:0001") << key;
  }
}

TEST_F(SysctlReaderTest, InterfacesThatComeAndGoAreFollowed) {
  build();
  EXPECT_EQ(all_of("").count("net.ipv4.conf.br0.forwarding"), 0U);
  ASSERT_TRUE(apply_changes(handles(), {CreateLink{"", "br0", "bridge"}}));
  const Sysctls with = all_of("");
  EXPECT_EQ(with.count("net.ipv4.conf.br0.forwarding"), 1U);
  EXPECT_EQ(with, one_by_one("", with));
  ASSERT_TRUE(apply_changes(handles(), {DeleteLink{"", "br0"}}));
  EXPECT_EQ(all_of("").count("net.ipv4.conf.br0.forwarding"), 0U);
}

TEST_F(SysctlReaderTest, ADotInAnInterfaceNameIsASlashInItsKeys) {
  ASSERT_TRUE(apply_changes(handles(), {CreateLink{"", "br.1", "bridge"}}));
  const Sysctls values = all_of("");
  EXPECT_EQ(values.count("net.ipv4.conf.br/1.forwarding"), 1U);
  EXPECT_EQ(values, one_by_one("", values));
}

TEST_F(SysctlReaderTest, AnInterfaceWithoutIpv6HasNoneOfItsKeys) {
  SetLink narrow;
  narrow.name = "veth1";
  narrow.mtu = 1000;  // below 1280 IPv6 goes away
  ASSERT_TRUE(apply_changes(handles(), {pair_of("veth1", "", "veth2"), narrow}));
  const Sysctls values = all_of("");
  EXPECT_EQ(values.count("net.ipv6.conf.veth1.forwarding"), 0U);
  EXPECT_EQ(values.count("net.ipv6.conf.veth2.forwarding"), 1U);
}

}  // namespace
}  // namespace netns_lab::node
