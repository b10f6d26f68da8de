#include "harness/netlink/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/neighbour.h"
#include "harness/netlink/route.h"
#include "harness/netlink/rule.h"

namespace netns_lab::netlink {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::vector<std::uint8_t> attribute(std::uint16_t length, std::uint16_t type, std::vector<std::uint8_t> value = {}) {
  std::vector<std::uint8_t> bytes(4);
  std::memcpy(bytes.data(), &length, 2);
  std::memcpy(bytes.data() + 2, &type, 2);
  bytes.insert(bytes.end(), value.begin(), value.end());
  return bytes;
}

TEST(Request, RoundTripsThroughTheReader) {
  Request request(RTM_NEWADDR, NLM_F_CREATE);
  request.put_header(ifaddrmsg{});
  request.put_u8(1, 7);
  request.put_u32(2, 0xDEADBEEF);
  request.put_string(3, "veth1");
  request.put_nested(4, [&] {
    request.put_u16(5, 513);
    request.put_nested(6, [&] { request.put(7, IpAddress::v4(10, 0, 0, 1)); });
  });
  request.put(8, MacAddress({2, 0, 0, 0, 0, 9}));
  request.set_identity(11, 22);

  const auto messages = split_messages(request.bytes());
  ASSERT_TRUE(messages) << messages.error();
  ASSERT_THAT(*messages, SizeIs(1));
  const MessageView& message = messages->front();
  EXPECT_EQ(message.type, RTM_NEWADDR);
  EXPECT_EQ(message.flags, NLM_F_REQUEST | NLM_F_CREATE);
  EXPECT_EQ(message.sequence, 11U);
  EXPECT_EQ(message.port, 22U);

  std::vector<std::string> read;
  AttributeReader reader(after_header<ifaddrmsg>(message));
  while (reader.next()) {
    if (reader.type() == 1) read.push_back(std::to_string(reader.u8()));
    if (reader.type() == 2) read.push_back(std::to_string(reader.u32()));
    if (reader.type() == 3) read.push_back(reader.string());
    if (reader.type() == 4) {
      reader.nested([&](AttributeReader& inner) {
        while (inner.next()) {
          if (inner.type() == 5) read.push_back(std::to_string(inner.u16()));
          if (inner.type() == 6) {
            inner.nested([&](AttributeReader& innermost) {
              while (innermost.next()) read.push_back(innermost.address()->to_string());
            });
          }
        }
      });
    }
    if (reader.type() == 8) read.push_back(reader.mac()->to_string());
  }
  EXPECT_TRUE(reader.ok()) << reader.error("read");
  EXPECT_THAT(read, ElementsAre("7", "3735928559", "veth1", "513", "10.0.0.1", "02:00:00:00:00:09"));
}

TEST(Request, RefusesAnAttributeThatCannotBeCounted) {
  Request request(RTM_NEWLINK, 0);
  const std::vector<std::uint8_t> huge(65'532);
  EXPECT_THROW(request.put_bytes(1, huge), std::length_error);
}

struct BrokenRow {
  const char* name;
  std::vector<std::uint8_t> bytes;
  const char* problem;
};
void PrintTo(const BrokenRow& row, std::ostream* out) { *out << row.name; }

class BrokenAttributeTest : public testing::TestWithParam<BrokenRow> {};

TEST_P(BrokenAttributeTest, StopsTheReaderForGood) {
  AttributeReader reader(GetParam().bytes);
  while (reader.next()) reader.u32();
  EXPECT_FALSE(reader.ok());
  EXPECT_THAT(reader.error("decode it").message(), HasSubstr(GetParam().problem));
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.u32(), 0U);
  EXPECT_THAT(reader.error("decode it").message(), HasSubstr(GetParam().problem));  // the first one stays
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, BrokenAttributeTest,
    testing::Values(BrokenRow{"HeaderCutShort", {8, 0, 1}, "3 bytes are too few"},
                    BrokenRow{"LengthBelowItsHeader", attribute(3, 1), "claims 3 bytes"},
                    BrokenRow{"LengthZero", attribute(0, 1), "claims 0 bytes"},
                    BrokenRow{"LengthBeyondTheEnd", attribute(9, 1, {1, 2, 3, 4}), "claims 9 bytes"},
                    BrokenRow{"ValueTooShort", attribute(6, 1, {1, 2}), "2 bytes instead of 4"},
                    BrokenRow{"ValueTooLong", attribute(9, 1, {1, 2, 3, 4, 5}), "5 bytes instead of 4"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(AttributeReader, ReadsALastAttributeWithoutPadding) {
  const auto bytes = attribute(5, 1, {42});
  AttributeReader reader(bytes);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.u8(), 42);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.ok());
}

TEST(AttributeReader, ErrorOfANestBecomesItsOwn) {
  const auto bytes = attribute(8, 1, {99, 0, 1, 0});
  AttributeReader reader(bytes);
  ASSERT_TRUE(reader.next());
  reader.nested([](AttributeReader& inner) {
    while (inner.next()) {
    }
  });
  EXPECT_FALSE(reader.ok());
  EXPECT_THAT(reader.error("x").message(), HasSubstr("claims 99 bytes"));
}

TEST(AttributeReader, LinkLayerAddressesOfOtherSizesAreNoError) {
  const auto bytes = attribute(8, 1, {10, 0, 0, 1});  // as a tunnel has
  AttributeReader reader(bytes);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.mac(), std::nullopt);
  EXPECT_TRUE(reader.ok());
}

class BrokenDatagramTest : public testing::TestWithParam<BrokenRow> {};

TEST_P(BrokenDatagramTest, IsAnError) {
  const auto messages = split_messages(GetParam().bytes);
  ASSERT_FALSE(messages);
  EXPECT_THAT(messages.error().message(), HasSubstr(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(Shapes, BrokenDatagramTest,
                         testing::Values(BrokenRow{"HeaderCutShort", std::vector<std::uint8_t>(15),
                                                   "15 bytes are too few"},
                                         BrokenRow{"LengthBelowItsHeader",
                                                   [] {
                                                     std::vector<std::uint8_t> b(16);
                                                     b[0] = 15;
                                                     return b;
                                                   }(),
                                                   "15 bytes where 16"},
                                         BrokenRow{"LengthBeyondTheEnd",
                                                   [] {
                                                     std::vector<std::uint8_t> b(16);
                                                     b[0] = 17;
                                                     return b;
                                                   }(),
                                                   "17 bytes where 16"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Replies, KeepsMessagesOfEverySizeApart) {
  Replies replies;
  const std::array<std::uint8_t, 5> odd{1, 2, 3, 4, 5};
  replies.append({20, 0, 1, 2, odd});
  replies.append({21, 0, 1, 2, {}});
  replies.append({22, 0, 1, 2, Bytes(odd).first(1)});
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_THAT(replies[0].payload, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(replies[1].payload, SizeIs(0));
  EXPECT_THAT(replies[2].payload, ElementsAre(1));
  EXPECT_EQ(replies[2].type, 22);
}

struct DescribeRow {
  const char* name;
  Request request;
  const char* text;
};
void PrintTo(const DescribeRow& row, std::ostream* out) { *out << row.name; }

class DescribeTest : public testing::TestWithParam<DescribeRow> {};

TEST_P(DescribeTest, SaysWhatWasAsked) { EXPECT_EQ(describe(GetParam().request.view()), GetParam().text); }

VethSpec pair() {
  VethSpec spec;
  spec.name = "veth1";
  spec.peer_name = "veth2";
  return spec;
}
AddressSpec address() {
  AddressSpec spec;
  spec.link_index = 5;
  spec.prefix = Prefix::parse("10.0.0.2/24").value();
  return spec;
}
Route route() {
  Route made;
  made.destination = Prefix::parse("10.1.0.0/16").value();
  NextHop hop;
  hop.link_index = 3;
  hop.gateway = IpAddress::v4(10, 0, 0, 1);
  made.hops = {hop};
  return made;
}
Request dump_of_links() { return Request(RTM_GETLINK, NLM_F_DUMP); }

INSTANTIATE_TEST_SUITE_P(
    Requests, DescribeTest,
    testing::Values(
        DescribeRow{"CreateVeth", create_veth(pair()), "create veth veth1"},
        DescribeRow{"ChangeByIndex", set_link(LinkRef::indexed(4), LinkChange{}), "change link with index 4"},
        DescribeRow{"DeleteByName", delete_link(LinkRef::named("br0")), "delete link br0"},
        DescribeRow{"DeleteGroup", delete_links_of_group(9), "delete the links of group 9"},
        DescribeRow{"AddAddress", add_address(address()), "add address 10.0.0.2/24 on link 5"},
        DescribeRow{"AddRoute", add_route(route()), "add route 10.1.0.0/16 via 10.0.0.1 on link 3, table 254"},
        DescribeRow{"AddNeighbour", add_neighbour(2, IpAddress::v4(10, 0, 0, 9), MacAddress()),
                    "add neighbour 10.0.0.9 on link 2"},
        DescribeRow{"Dump", dump_of_links(), "list links"}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace netns_lab::netlink
