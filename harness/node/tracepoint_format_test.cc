#include "harness/node/tracepoint_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <ostream>
#include <vector>

namespace netns_lab::node {
namespace {

using testing::ElementsAre;
using testing::Pair;

// Of Linux 6.1 (Debian 12), shortened.
constexpr auto kDropped = R"(name: kfree_skb
ID: 1580
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:void * skbaddr;	offset:8;	size:8;	signed:0;
	field:void * location;	offset:16;	size:8;	signed:0;
	field:unsigned short protocol;	offset:24;	size:2;	signed:0;
	field:enum skb_drop_reason reason;	offset:28;	size:4;	signed:0;

print fmt: "skbaddr=%p protocol=%u location=%p reason: %s", REC->skbaddr, REC->protocol, REC->location, __print_symbolic(REC->reason, { 1, "NOT_SPECIFIED" }, { 2, "NO_SOCKET" }, { 14, "IP_RPFILTER" })
)";

constexpr auto kSent = R"(name: net_dev_queue
ID: 1573
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;

	field:void * skbaddr;	offset:8;	size:8;	signed:0;
	field:unsigned int len;	offset:16;	size:4;	signed:0;
	field:__data_loc char[] name;	offset:20;	size:4;	signed:0;

print fmt: "dev=%s skbaddr=%p len=%u", __get_str(name), REC->skbaddr, REC->len
)";

TEST(TracepointFormat, TellsFieldsAndTheNamesOfReasons) {
  const TracepointFormat format = parse_tracepoint_format(kDropped).value();
  EXPECT_EQ(format.id, 1580U);
  EXPECT_EQ(format.fields.at("skbaddr").offset, 8U);
  EXPECT_EQ(format.fields.at("reason").offset, 28U);
  EXPECT_EQ(format.fields.at("reason").size, 4U);
  EXPECT_THAT(format.symbols, ElementsAre(Pair(1, "NOT_SPECIFIED"), Pair(2, "NO_SOCKET"), Pair(14, "IP_RPFILTER")));
}

TEST(TracepointFormat, ReadsNumbersAndTextThatIsPlacedElsewhere) {
  const TracepointFormat format = parse_tracepoint_format(kSent).value();
  std::vector<std::uint8_t> record(32, 0);
  const std::uint16_t type = 1573;
  const std::uint64_t packet = 0xffff888012345678;
  const std::uint32_t place = (6U << 16U) | 24U;
  std::memcpy(record.data(), &type, sizeof type);
  std::memcpy(record.data() + 8, &packet, sizeof packet);
  std::memcpy(record.data() + 20, &place, sizeof place);
  std::memcpy(record.data() + 24, "veth2", 6);
  EXPECT_EQ(format.number(record, "common_type"), 1573U);
  EXPECT_EQ(format.number(record, "skbaddr"), packet);
  EXPECT_EQ(format.text(record, "name"), "veth2");
  EXPECT_EQ(format.number(record, "reason"), std::nullopt);
}

TEST(TracepointFormat, ReadsNothingBehindTheEnd) {
  const TracepointFormat format = parse_tracepoint_format(kSent).value();
  std::vector<std::uint8_t> record(24, 0);
  const std::uint32_t place = (6U << 16U) | 24U;
  std::memcpy(record.data() + 20, &place, sizeof place);
  EXPECT_EQ(format.text(record, "name"), std::nullopt);
  record.resize(22);
  EXPECT_EQ(format.number(record, "name"), std::nullopt);
  EXPECT_EQ(format.number(record, "len"), 0U);
}

struct Row {
  const char* name;
  const char* given;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class NoFormat : public testing::TestWithParam<Row> {};

TEST_P(NoFormat, IsRefused) { EXPECT_FALSE(parse_tracepoint_format(GetParam().given)); }

INSTANTIATE_TEST_SUITE_P(Rows, NoFormat,
                         testing::Values(Row{"Empty", ""},
                                         Row{"NoId", "\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;\n"},
                                         Row{"IdIsNoNumber", "ID: x\n\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;\n"},
                                         Row{"NoField", "ID: 3\n"},
                                         Row{"FieldWithoutOffset", "ID: 3\n\tfield:int a;\tsize:4;\n"},
                                         Row{"FieldWithoutName", "ID: 3\n\tfield:;\toffset:0;\tsize:4;\n"}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab::node
