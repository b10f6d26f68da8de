#include "harness/model/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace netns_lab {
namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
Prefix prefix(const char* text) { return Prefix::parse(text).value(); }

struct Good {
  const char* given;
  const char* want;
};
class AddressText : public ::testing::TestWithParam<Good> {};
TEST_P(AddressText, IsReadAndPrinted) { EXPECT_EQ(ip(GetParam().given).to_string(), GetParam().want); }
INSTANTIATE_TEST_SUITE_P(Good, AddressText,
                         ::testing::Values(Good{"10.200.1.1", "10.200.1.1"}, Good{"255.255.255.255", "255.255.255.255"},
                                           Good{"FD00:0:0::1", "fd00::1"}, Good{"::", "::"},
                                           Good{"::ffff:10.0.0.1", "::ffff:10.0.0.1"}));

class AddressTextRefused : public ::testing::TestWithParam<std::string> {};
TEST_P(AddressTextRefused, WithWhatWasExpected) {
  const Result<IpAddress> address = IpAddress::parse(GetParam());
  ASSERT_FALSE(address) << *address;
  EXPECT_EQ(address.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(address.error().message(), ::testing::HasSubstr("expected an IPv4 address such as"));
}
INSTANTIATE_TEST_SUITE_P(Bad, AddressTextRefused,
                         ::testing::Values("", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1 ", "fe80::1%eth0",
                                           "10.0.0.1/8", ":::", "1::2::3", std::string("10.0.0.1\0", 9),
                                           std::string(5000, '1')));

TEST(IpAddress, BytesAreInNetworkOrder) {
  EXPECT_THAT(ip("10.200.1.2").bytes(), ::testing::ElementsAre(10, 200, 1, 2));
  EXPECT_EQ(ip("fd00::1").bytes()[15], 1);
  EXPECT_EQ(IpAddress::from_bytes(ip("fd00::1").bytes()), ip("fd00::1"));
  EXPECT_EQ(IpAddress::v4(10, 200, 1, 2), ip("10.200.1.2"));
}
TEST(IpAddress, OtherSizesAreAProgrammersError) {
  const std::vector<std::uint8_t> five(5);
  EXPECT_THROW(IpAddress::from_bytes(five), std::invalid_argument);
}

struct Sort {
  const char* given;
  bool unspecified, loopback, link_local, multicast;
};
class AddressSort : public ::testing::TestWithParam<Sort> {};
TEST_P(AddressSort, IsKnown) {
  const IpAddress address = ip(GetParam().given);
  EXPECT_EQ(address.is_unspecified(), GetParam().unspecified);
  EXPECT_EQ(address.is_loopback(), GetParam().loopback);
  EXPECT_EQ(address.is_link_local(), GetParam().link_local);
  EXPECT_EQ(address.is_multicast(), GetParam().multicast);
}
INSTANTIATE_TEST_SUITE_P(
    Of, AddressSort,
    ::testing::Values(Sort{"0.0.0.0", true, false, false, false}, Sort{"::", true, false, false, false},
                      Sort{"127.8.0.1", false, true, false, false}, Sort{"::1", false, true, false, false},
                      Sort{"169.254.1.1", false, false, true, false}, Sort{"169.255.1.1", false, false, false, false},
                      Sort{"fe80::1", false, false, true, false}, Sort{"febf::1", false, false, true, false},
                      Sort{"fec0::1", false, false, false, false}, Sort{"224.0.0.1", false, false, false, true},
                      Sort{"240.0.0.1", false, false, false, false}, Sort{"ff02::1", false, false, false, true}));

TEST(Prefix, WithoutASlashIsAHost) {
  EXPECT_EQ(prefix("10.0.0.1"), Prefix::host(ip("10.0.0.1")));
  EXPECT_TRUE(prefix("10.0.0.1").is_host());
  EXPECT_EQ(prefix("fd00::1").length, 128);
}
TEST(Prefix, KeepsItsHostPart) {
  EXPECT_EQ(prefix("10.1.2.3/8").to_string(), "10.1.2.3/8");
  EXPECT_EQ(prefix("10.1.2.3/8").network().to_string(), "10.0.0.0/8");
}
class PrefixRefused : public ::testing::TestWithParam<const char*> {};
TEST_P(PrefixRefused, WithAReason) { EXPECT_FALSE(Prefix::parse(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Bad, PrefixRefused,
                         ::testing::Values("10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ",
                                           "10.0.0.0/8/8", "fd00::/129", "/8", "10.0.0.0/99999999999999999999"));

struct Inside {
  const char* prefix;
  const char* address;
  bool want;
};
class PrefixContains : public ::testing::TestWithParam<Inside> {};
TEST_P(PrefixContains, WhatSharesItsBits) {
  EXPECT_EQ(prefix(GetParam().prefix).contains(ip(GetParam().address)), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(
    Of, PrefixContains,
    ::testing::Values(Inside{"10.0.0.0/8", "10.255.0.1", true}, Inside{"10.0.0.0/8", "11.0.0.1", false},
                      Inside{"10.0.0.128/25", "10.0.0.127", false}, Inside{"10.0.0.1/32", "10.0.0.1", true},
                      Inside{"0.0.0.0/0", "1.2.3.4", true}, Inside{"0.0.0.0/0", "fd00::1", false},
                      Inside{"fd00::/65", "fd00:0:0:0:8000::1", false}, Inside{"fd00::/64", "fd00::8000:0:0:1", true}));

TEST(MacAddress, IsReadAndPrinted) {
  EXPECT_EQ(MacAddress::parse("02:00:00:aB:00:01").value().to_string(), "02:00:00:ab:00:01");
  EXPECT_TRUE(MacAddress::parse("ff:ff:ff:ff:ff:ff").value().is_broadcast());
  EXPECT_TRUE(MacAddress().is_zero());
}
class MacRefused : public ::testing::TestWithParam<const char*> {};
TEST_P(MacRefused, WithAReason) { EXPECT_FALSE(MacAddress::parse(GetParam())); }
INSTANTIATE_TEST_SUITE_P(Bad, MacRefused,
                         ::testing::Values("", "02:00:00:00:00", "02:00:00:00:00:0g", "02-00-00-00-00-01",
                                           "02:00:00:00:00:01:", "2:00:00:00:00:001"));

TEST(Families, HaveTheNumbersOfTheKernel) {
  EXPECT_EQ(address_family(Family::kIpv4), 2);
  EXPECT_EQ(address_family(Family::kIpv6), 10);
}

}  // namespace
}  // namespace netns_lab
