#include "suites/single-namespace/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "suites/common/scenario_check.h"
#include "suites/single-namespace/requirements.h"

namespace netns_lab::single_namespace {
namespace {

using suites::RefusedRow;

Parameters defaults() { return suites::defaults_of(scenario()); }

class RefusedParameter : public ::testing::TestWithParam<RefusedRow> {};

TEST_P(RefusedParameter, IsInvalidWithOneClearLine) { suites::check_refused(scenario(), GetParam()); }

const RefusedRow kRefused[] = {
    {"EmptyName", "CON", "", Family::kIpv4, "cannot be empty"},
    {"NameWithSlash", "CON", "a/b", Family::kIpv4, "cannot hold '/'"},
    {"Dot", "CON", ".", Family::kIpv4, "folder"},
    {"DotDot", "CON", "..", Family::kIpv4, "folder"},
    {"TooLongName", "CON", std::string(256, 'n'), Family::kIpv4, "256 bytes"},
    {"OptionLikeName", "CON", "-all", Family::kIpv4, "option"},
    {"NameWithBlank", "CON", "net ns", Family::kIpv4, "blank"},
    {"NameWithNewline", "CON", "netns\n1", Family::kIpv4, "control"},
    {"EmptyAddress", "IP", "", Family::kIpv4, "not an IP address"},
    {"MtuTooSmall", "MTU", "575", Family::kIpv4, "no number from 576 to 65535"},
    {"MtuTooLarge", "MTU", "65536", Family::kIpv4, "no number from 576 to 65535"},
    {"MtuOfLetters", "MTU", "1500b", Family::kIpv4, "no number from 576"},
    {"MtuTooSmallForIpv6", "MTU6", "1279", Family::kIpv6, "no number from 1280"},
    {"OutOfRange", "IP", "10.200.1.256", Family::kIpv4, "not an IP address"},
    {"ThreeQuads", "IP", "10.200.1", Family::kIpv4, "not an IP address"},
    {"WithPrefixLength", "IP", "10.200.1.1/32", Family::kIpv4, "not an IP address"},
    {"OtherFamily", "IP", "fd00:200::1", Family::kIpv4, "is an IPv6 address"},
    {"Unspecified", "IP", "0.0.0.0", Family::kIpv4, "unspecified"},
    {"ThisNetwork", "IP", "0.1.2.3", Family::kIpv4, "this network"},
    {"Loopback", "IP", "127.0.0.1", Family::kIpv4, "loopback"},
    {"Multicast", "IP", "224.0.0.1", Family::kIpv4, "multicast"},
    {"Broadcast", "IP", "255.255.255.255", Family::kIpv4, "broadcast"},
    {"LinkLocal", "IP", "169.254.1.1", Family::kIpv4, "link-local"},
    {"ThirdNamespaces", "IP", "198.18.200.2", Family::kIpv4, "third namespace"},
    {"SecondThirdNamespaces", "IP", "198.18.200.6", Family::kIpv4, "third namespace"},
    {"SecondThirdNamespacesIpv6", "IP6", "2001:db8:200:1::7", Family::kIpv6, "third namespace"},
    {"ThirdNamespacesIpv6", "IP6", "2001:db8:200::7", Family::kIpv6, "third namespace"},
    {"ThirdNamespacesName", "CON", "netns-lab-third0", Family::kIpv4, "name of a namespace"},
    {"BystandersName", "CON", "netns-lab-bystander", Family::kIpv4, "name of a namespace"},
    {"OtherFamilyIpv6", "IP6", "10.200.1.1", Family::kIpv6, "is an IPv4 address"},
    {"UnspecifiedIpv6", "IP6", "::", Family::kIpv6, "unspecified"},
    {"LoopbackIpv6", "IP6", "::1", Family::kIpv6, "loopback"},
    {"MulticastIpv6", "IP6", "ff02::1", Family::kIpv6, "multicast"},
    {"LinkLocalIpv6", "IP6", "fe80::2", Family::kIpv6, "link-local"},
    {"MappedIpv6", "IP6", "::ffff:10.200.1.1", Family::kIpv6, "mapped"},
    {"MalformedIpv6", "IP6", "fd00::200::1", Family::kIpv6, "not an IP address"},
};
INSTANTIATE_TEST_SUITE_P(Rows, RefusedParameter, ::testing::ValuesIn(kRefused), suites::name_of);

TEST(SingleNamespaceScenario, TakesAnAddressOfTheOtherParameterAsItIs) {
  Parameters parameters = defaults();
  parameters["IP6"] = "not looked at";
  EXPECT_TRUE(scenario().topology(parameters, Family::kIpv4));
}

TEST(SingleNamespaceScenario, LaysTheTutorialsNetworkOut) {
  const auto topology = scenario().topology(defaults(), Family::kIpv4);
  ASSERT_TRUE(topology) << topology.error();
  EXPECT_THAT(topology->namespaces, ::testing::ElementsAre("netns1"));
  EXPECT_THAT(topology->links, ::testing::ElementsAre("veth1"));
  ASSERT_EQ(topology->attachments.size(), 1U);
  EXPECT_EQ(topology->attachments[0].addresses[0].to_string(), "10.200.1.1/32");
  EXPECT_EQ(topology->attachments[0].gateway->to_string(), "10.200.1.1");
  EXPECT_EQ(topology->build.size(), 7U);
  EXPECT_EQ(topology->tear_down.size(), 1U);
}

TEST(SingleNamespaceScenario, GoesByTheHostEndsLinkLocalAddressInIpv6) {
  const auto topology = scenario().topology(defaults(), Family::kIpv6);
  ASSERT_TRUE(topology) << topology.error();
  EXPECT_EQ(topology->attachments[0].addresses[0].to_string(), "fd00:200::1/128");
  EXPECT_EQ(topology->attachments[0].gateway->to_string(), "fe80::1");
  EXPECT_EQ(topology->build.size(), 8U);
}

TEST(SingleNamespaceRequirements, AreUniqueWholeAndRestOnEarlierOnes) {
  suites::check_catalogue("single-namespace", requirements());
}

}  // namespace
}  // namespace netns_lab::single_namespace
