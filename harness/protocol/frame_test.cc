#include "harness/protocol/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace netns_lab::protocol {
namespace {

using testing::HasSubstr;

struct FrameCase {
  const char* name;
  Frame frame;
};

class FrameRoundTrip : public testing::TestWithParam<FrameCase> {};

TEST_P(FrameRoundTrip, SurvivesWholeAndByteByByte) {
  const Result<std::string> bytes = encode(GetParam().frame);
  ASSERT_TRUE(bytes.has_value()) << bytes.error();

  FrameDecoder whole;
  whole.feed(*bytes + *bytes);
  for (int i = 0; i < 2; ++i) {
    const auto frame = whole.next();
    ASSERT_TRUE(frame.has_value() && frame->has_value());
    EXPECT_EQ(**frame, GetParam().frame);
  }
  EXPECT_EQ(whole.pending(), 0u);

  FrameDecoder slow;
  for (std::size_t i = 0; i < bytes->size(); ++i) {
    const auto early = slow.next();
    ASSERT_TRUE(early.has_value());
    ASSERT_FALSE(early->has_value()) << "a frame before its last byte, at byte " << i;
    slow.feed(std::string_view(*bytes).substr(i, 1));
  }
  const auto frame = slow.next();
  ASSERT_TRUE(frame.has_value() && frame->has_value());
  EXPECT_EQ(**frame, GetParam().frame);
}

INSTANTIATE_TEST_SUITE_P(Frames, FrameRoundTrip,
                         testing::Values(FrameCase{"Empty", {"", ""}}, FrameCase{"JsonOnly", {"{\"id\":1}", ""}},
                                         FrameCase{"RawOnly", {"", std::string("\0\xff\n", 3)}},
                                         FrameCase{"Both", {"{}", std::string(70'000, 'x')}}),
                         [](const auto& row) { return std::string(row.param.name); });

struct HostileCase {
  const char* name;
  std::string header;
};
class HostileFrame : public testing::TestWithParam<HostileCase> {};

TEST_P(HostileFrame, IsRefusedForGood) {
  FrameDecoder decoder;
  decoder.feed(GetParam().header);
  const auto first = decoder.next();
  ASSERT_FALSE(first.has_value());
  EXPECT_THAT(first.error().message(), HasSubstr("not our protocol"));
  decoder.feed(std::string(8, '\0'));
  const auto again = decoder.next();
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error(), first.error());
}

INSTANTIATE_TEST_SUITE_P(
    Headers, HostileFrame,
    testing::Values(HostileCase{"AllOnes", std::string(8, '\xff')}, HostileCase{"SomeHttp", "HTTP/1.1"},
                    HostileCase{"JsonOneTooLong", std::string("\x01\x00\x00\x01\x00\x00\x00\x00", 8)},
                    HostileCase{"RawOneTooLong", std::string("\x00\x00\x00\x00\x01\x00\x00\x01", 8)}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(FrameDecoder, WaitsForAFrameOfTheLargestSize) {
  FrameDecoder decoder;
  decoder.feed(std::string("\x01\x00\x00\x00\x01\x00\x00\x00", 8));
  const auto frame = decoder.next();
  ASSERT_TRUE(frame.has_value()) << frame.error();
  EXPECT_FALSE(frame->has_value());
}

TEST(FrameDecoder, TellsWhatIsPendingOfACutFrame) {
  FrameDecoder decoder;
  decoder.feed(encode({"{}", "raw"}).value().substr(0, 11));
  ASSERT_TRUE(decoder.next().has_value());
  EXPECT_EQ(decoder.pending(), 11u);
}

TEST(EncodeFrame, RefusesWhatIsTooLong) {
  const auto header = frame_header(kMaximumJson + 1, 0);
  ASSERT_FALSE(header.has_value());
  EXPECT_EQ(header.error().kind, ErrorKind::kInvalid);
  EXPECT_FALSE(frame_header(0, kMaximumRaw + 1).has_value());
  EXPECT_TRUE(frame_header(kMaximumJson, kMaximumRaw).has_value());
}

}  // namespace
}  // namespace netns_lab::protocol
