#include "harness/node/host_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <ostream>

#include "harness/base/text.h"
#include "harness/node/host_firewall.h"
#include "harness/node/sandbox_fake_agent.h"

namespace netns_lab::node {
namespace {

using test::machine;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Prefix prefix(const char* text) { return Prefix::parse(text).value(); }

AgentContext host_context() {
  AgentContext context;
  context.provider = "host";
  context.host_name = "the-machine";
  context.namespace_directory = "/run/netns-of-this-test";
  context.machine_namespaces = {"blue"};
  context.uplink_addresses = {prefix("192.0.2.77/24")};
  return context;
}

class HostChecks : public ::testing::Test {
 protected:
  void SetUp() override {
    machine(
        "ip link add up0 type veth peer name up1; ip link property add dev up0 altname other-name; ip link set up0 up; "
        "ip link set up1 up;"
        "ip addr add 192.0.2.77/24 dev up0; ip route add 198.51.100.0/24 dev up0; ip route add default via 192.0.2.1;"
        "ip addr add 2001:db8::77/64 dev up0 nodad");
  }
  void TearDown() override { machine("ip link delete up0; nft flush ruleset; ip netns delete green"); }
};

struct Row {
  const char* name;
  protocol::ClaimRequest claim;
  ErrorKind kind;
  std::vector<const char*> says;
};

protocol::ClaimRequest names(std::vector<std::string> namespaces, std::vector<std::string> links = {}) {
  protocol::ClaimRequest claim;
  claim.namespaces = std::move(namespaces);
  claim.links = std::move(links);
  return claim;
}
protocol::ClaimRequest address(const char* text) {
  protocol::ClaimRequest claim;
  claim.addresses = {prefix(text)};
  return claim;
}

TEST_F(HostChecks, AcceptWhatIsFree) {
  protocol::ClaimRequest claim = names({"netns1"}, {"veth1", "veth2"});
  claim.addresses = {prefix("10.200.1.1/32"), prefix("2001:db8:1::1/128"), prefix("fe80::1/64")};
  const auto checked = check_claim(host_context(), claim);
  EXPECT_TRUE(checked) << checked.error();
}

TEST_F(HostChecks, RefuseWhatIsNot) {
  const std::vector<Row> rows = {
      {"NamespaceOfTheMachine",
       names({"netns1", "blue"}),
       ErrorKind::kTaken,
       {"network namespace blue", "the-machine", "ip netns delete"}},
      {"Link", names({}, {"veth1", "up0"}), ErrorKind::kTaken, {"interface up0", "ip link delete up0"}},
      {"AlternativeNameOfALink", names({}, {"other-name"}), ErrorKind::kTaken, {"other-name"}},
      {"Address", address("192.0.2.77/32"), ErrorKind::kTaken, {"192.0.2.77", "up0"}},
      {"AddressIpv6", address("2001:db8::77/128"), ErrorKind::kTaken, {"2001:db8::77", "up0"}},
      {"SubnetOfAnAddress", address("192.0.2.0/24"), ErrorKind::kTaken, {"192.0.2.0/24", "192.0.2.77 on up0"}},
      {"RoutedAddress", address("198.51.100.9/32"), ErrorKind::kTaken, {"198.51.100.9", "198.51.100.0/24 dev up0"}},
      {"NamespaceNameWithSlash", names({"a/b"}), ErrorKind::kInvalid, {"a/b", "'/'"}},
      {"LinkNameTooLong", names({}, {"0123456789abcdef"}), ErrorKind::kInvalid, {"0123456789abcdef", "15 bytes"}},
      {"LinkNameWithBlank", names({}, {"a b"}), ErrorKind::kInvalid, {"a b"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto checked = check_claim(host_context(), row.claim);
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().kind, row.kind);
    for (const char* part : row.says) EXPECT_THAT(checked.error().message(), HasSubstr(part));
  }
}

TEST_F(HostChecks, RefuseWhatRefusesPackets) {
  machine("ip rule add to 10.0.0.0/8 prohibit pref 5");
  const auto ruled = check_claim(host_context(), address("10.200.1.1/32"));
  EXPECT_TRUE(check_claim(host_context(), address("172.16.0.2/32")));
  machine("ip rule delete pref 5; ip xfrm policy add dir in src 10.0.0.0/8 dst 192.0.2.2/32 action block");
  const auto with_ipsec = check_claim(host_context(), {});
  machine("ip xfrm policy flush");
  ASSERT_FALSE(ruled);
  EXPECT_THAT(ruled.error().message(), HasSubstr("rule 5: from all to 10.0.0.0/8 prohibit"));
  ASSERT_FALSE(with_ipsec);
  EXPECT_THAT(with_ipsec.error().message(), HasSubstr("IPsec would spoil the verdict"));
}

TEST_F(HostChecks, RefuseAMachineWithoutAnAddress) {
  AgentContext context = host_context();
  context.uplink_addresses.clear();
  const auto checked = check_claim(context, {});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, ErrorKind::kMissing);
  EXPECT_THAT(checked.error().message(), HasSubstr("no address besides loopback"));
}

struct FirewallRow {
  const char* name;
  const char* commands;
  const char* says;  // "" nothing in the way
};
void PrintTo(const FirewallRow& row, std::ostream* out) { *out << row.commands; }

class Firewall : public ::testing::TestWithParam<FirewallRow> {
 protected:
  void TearDown() override { machine("nft flush ruleset"); }
};

TEST_P(Firewall, IsSeen) {
  ASSERT_EQ(machine(std::string("{ ") + GetParam().commands + "; } 2>&1"), "");
  const auto obstacles = firewall_obstacles();
  ASSERT_TRUE(obstacles) << obstacles.error();
  const std::string said = join(*obstacles, ", ");
  EXPECT_EQ(said, GetParam().says);
  const auto checked = check_claim(host_context(), {});
  EXPECT_EQ(checked.has_value(), *GetParam().says == '\0');
  if (!checked) {
    EXPECT_EQ(checked.error().kind, ErrorKind::kMissing);
    EXPECT_THAT(checked.error().message(), HasSubstr(GetParam().says));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rows, Firewall,
    ::testing::Values(
        FirewallRow{"None", "true", ""}, FirewallRow{"EmptyTable", "nft add table inet t", ""},
        FirewallRow{
            "BaseChainThatAccepts",
            "nft add table inet t; nft add chain inet t c '{ type filter hook input priority 0; policy accept; }'", ""},
        FirewallRow{
            "PolicyDrop",
            "nft add table inet t; nft add chain inet t c '{ type filter hook input priority 0; policy drop; }'",
            "chain inet t c has policy drop"},
        FirewallRow{"Rules",
                    "nft add table ip t; nft add chain ip t c '{ type filter hook forward priority 0; }'; nft add rule "
                    "ip t c counter; nft add "
                    "rule ip t c drop",
                    "chain ip t c has 2 rules"},
        FirewallRow{"RulesNobodyReaches", "nft add table ip6 t; nft add chain ip6 t c; nft add rule ip6 t c drop", ""},
        FirewallRow{"Nat",
                    "nft add table ip t; nft add chain ip t c '{ type nat hook postrouting priority 100; }'; nft add "
                    "rule ip t c masquerade",
                    "chain ip t c has 1 rules"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::node
