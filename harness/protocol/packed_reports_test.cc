#include "harness/protocol/packed_reports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "harness/model/samples.h"

namespace netns_lab::protocol {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;

// In the samples no member is empty and no optional unset; the second ones here are all of that.
ProbeReply reply() {
  return {.echoes = {samples::echo_report(), EchoReport()},
          .exchanges = {samples::exchange_report(), ExchangeReport()}};
}

TEST(PackedReports, ComeBack) {
  const ProbeReply before = reply();
  ProbeReply after = before;
  const std::string bytes = take_reports(after);
  EXPECT_TRUE(after.echoes.empty());
  EXPECT_TRUE(after.exchanges.empty());
  ASSERT_TRUE(put_reports(bytes, after));
  EXPECT_EQ(after, before);
}

TEST(PackedReports, NoneComeBackAsNone) {
  ProbeReply none;
  ProbeReply after = reply();
  ASSERT_TRUE(put_reports(take_reports(none), after));
  EXPECT_EQ(after, ProbeReply());
}

// As in JSON: what is printed later must be text.
TEST(PackedReports, BytesThatAreNotUtf8AreMadeVisible) {
  ProbeReply once = reply();
  once.echoes[0].sightings[0].link = "a\xff";
  ASSERT_TRUE(put_reports(take_reports(once), once));
  EXPECT_EQ(once.echoes[0].sightings[0].link, "a\\xFF");
}

struct BadCase {
  const char* name;
  std::string bytes;
  const char* says;
};
class RefusedReports : public testing::TestWithParam<BadCase> {};

TEST_P(RefusedReports, AreAnErrorOfOurs) {
  ProbeReply read;
  const auto put = put_reports(GetParam().bytes, read);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kInternal);
  EXPECT_THAT(put.error().message(), HasSubstr(GetParam().says));
}
INSTANTIATE_TEST_SUITE_P(Rows, RefusedReports,
                         testing::Values(BadCase{"Nothing", "", "end too early"},
                                         BadCase{"NoExchanges", "\0\0\0\0"s, "end too early"},
                                         BadCase{"AMillionEchoes", "\0\0\x10\0\0\0\0"s, "end too early"},
                                         BadCase{"TooMany", "\0\0\0\0\0\0\0\0\0"s, "more bytes"}),
                         [](const auto& row) { return row.param.name; });

TEST(PackedReports, CutAnywhereTheyAreRefused) {
  ProbeReply read = reply();
  const std::string bytes = take_reports(read);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(put_reports(std::string_view(bytes).substr(0, size), read)) << size;
  }
}

// One byte is another: refused, or read as something that has a place for it, in words too.
TEST(PackedReports, ChangedAnywhereTheyDoNoHarm) {
  ProbeReply read = reply();
  const std::string bytes = take_reports(read);
  for (std::size_t place = 0; place < bytes.size(); ++place) {
    for (const char other : {'\0', '\1', '\x7f', '\xff'}) {
      std::string changed = bytes;
      changed[place] = other;
      if (put_reports(changed, read)) static_cast<void>(testing::PrintToString(read.echoes));
    }
  }
}

TEST(PackedReports, AKindOfPacketThatNobodyKnowsIsRefused) {
  ProbeReply one;
  one.echoes.resize(1);
  one.echoes[0].sightings.resize(1);
  one.echoes[0].sightings[0].kind = static_cast<SightingKind>(99);
  const std::string bytes = take_reports(one);
  EXPECT_FALSE(put_reports(bytes, one));
}

}  // namespace
}  // namespace netns_lab::protocol
