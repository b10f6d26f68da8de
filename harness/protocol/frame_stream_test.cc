#include "harness/protocol/frame_stream.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

namespace netns_lab::protocol {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

struct Pair {
  UniqueFd near, far;
};
Pair socket_pair() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::runtime_error("socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

TEST(FrameStream, CarriesFramesLargerThanTheSocketsBuffer) {
  Pair pair = socket_pair();
  FrameStream near(std::move(pair.near));
  FrameStream far(std::move(pair.far));
  const std::string raw(3'000'000, 'r');
  std::thread sender([&] { ASSERT_TRUE(near.send("{}", raw, Deadline::after(20s)).has_value()); });
  const auto frame = far.receive(Deadline::after(20s));
  sender.join();
  ASSERT_TRUE(frame.has_value()) << frame.error();
  EXPECT_EQ(*frame, (Frame{"{}", raw}));
}

TEST(FrameStream, ReceiveGivesUpAtItsDeadlineAndCanGoOn) {
  Pair pair = socket_pair();
  FrameStream near(std::move(pair.near));
  FrameStream far(std::move(pair.far));
  const auto nothing = far.receive(Deadline::after(5ms));
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().kind, ErrorKind::kTimeout);
  EXPECT_FALSE(far.broken());
  ASSERT_TRUE(near.send("1", "", Deadline::never()).has_value());
  EXPECT_EQ(far.receive(Deadline::never()).value().json, "1");
}

TEST(FrameStream, ReceiveEndsWhenCancelled) {
  Pair pair = socket_pair();
  FrameStream far(std::move(pair.far));
  Cancellation cancellation;
  cancellation.request();
  const auto nothing = far.receive(Deadline::never(), &cancellation);
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().kind, ErrorKind::kCancelled);
}

TEST(FrameStream, ASendCutShortBreaksIt) {
  Pair pair = socket_pair();
  FrameStream near(std::move(pair.near));
  const auto sent = near.send("{}", std::string(8'000'000, 'x'), Deadline::after(5ms));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().kind, ErrorKind::kTimeout);
  EXPECT_TRUE(near.broken());
}

TEST(FrameStream, AFrameTooLargeIsRefusedBeforeAnythingIsSent) {
  Pair pair = socket_pair();
  FrameStream near(std::move(pair.near));
  const auto sent = near.send("{}", std::string(kMaximumRaw + 1, 'x'), Deadline::never());
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().kind, ErrorKind::kInvalid);
  EXPECT_FALSE(near.broken());
}

TEST(FrameStream, TheOtherSideGoneIsLostAndRaisesNoSignal) {
  Pair pair = socket_pair();
  FrameStream near(std::move(pair.near));
  pair.far.reset();
  const auto sent = near.send("{}", "", Deadline::never());
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().kind, ErrorKind::kLost);
  const auto received = near.receive(Deadline::never());
  ASSERT_FALSE(received.has_value());
  EXPECT_EQ(received.error().kind, ErrorKind::kLost);
}

// No socket, no MSG_NOSIGNAL: SIGPIPE would end this test binary.
TEST(FrameStream, ABrokenPipeIsLostAndRaisesNoSignal) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  FrameStream near{UniqueFd(ends[1])};
  ::close(ends[0]);
  for (int i = 0; i < 2; ++i) {
    const auto sent = near.send("{}", "", Deadline::never());
    ASSERT_FALSE(sent.has_value());
    EXPECT_EQ(sent.error().kind, ErrorKind::kLost);
  }
}

TEST(FrameStream, ACutFrameIsTold) {
  Pair pair = socket_pair();
  FrameStream near(std::move(pair.near));
  ASSERT_EQ(::write(pair.far.get(), "\0\0\0\2\0\0\0\0{", 9), 9);
  pair.far.reset();
  const auto received = near.receive(Deadline::never());
  ASSERT_FALSE(received.has_value());
  EXPECT_THAT(received.error().message(), HasSubstr("cut after 9 bytes"));
}

}  // namespace
}  // namespace netns_lab::protocol
