#include "harness/node/sandbox_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace netns_lab::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Status, IsReadyWhenAllHaveSaidSo) {
  auto channel = StatusChannel::create();
  ASSERT_TRUE(channel) << channel.error();
  report_ready(channel->lab.get());
  report_ready(channel->lab.get());
  EXPECT_TRUE(await_ready(channel->starter, 2, Deadline::after(seconds(5))));
}

TEST(Status, TimesOutWhenOneIsMissing) {
  auto channel = StatusChannel::create();
  report_ready(channel->lab.get());
  const auto waited = await_ready(channel->starter, 2, Deadline::after(milliseconds(10)));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().kind, ErrorKind::kTimeout);
  EXPECT_THAT(waited.error().message(), ::testing::HasSubstr("1 of 2"));
}

TEST(Status, IsLostWhenTheLabEndsSilently) {
  auto channel = StatusChannel::create();
  report_ready(channel->lab.get());
  channel->lab.reset();
  const auto waited = await_ready(channel->starter, 2, Deadline::after(seconds(5)));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().kind, ErrorKind::kLost);
}

TEST(Status, CarriesAnErrorWhole) {
  auto channel = StatusChannel::create();
  Error error = Error::system("mount proc at /proc", 1, "with detail\nover two lines");
  error.kind = ErrorKind::kMissing;
  error.remedy = "add a flag";
  report_error(channel->lab.get(), error);
  const auto waited = await_ready(channel->starter, 2, Deadline::after(seconds(5)));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error(), error);
}

TEST(Status, SurvivesGarbage) {
  EXPECT_EQ(decode_error("").attempted, "");
  EXPECT_EQ(decode_error("x").attempted, "");
  EXPECT_EQ(decode_error(std::string(3, '\0')).attempted, "");
}

}  // namespace
}  // namespace netns_lab::node
