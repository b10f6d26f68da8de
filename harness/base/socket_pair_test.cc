#include "harness/base/socket_pair.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace netns_lab {
namespace {

TEST(SocketPair, IsJoinedAndClosedOnExecution) {
  const auto pair = socket_pair(SOCK_SEQPACKET, "join two processes");
  ASSERT_TRUE(pair) << pair.error();
  EXPECT_NE(::fcntl(pair->first.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(pair->second.get(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_EQ(::write(pair->first.get(), "ab", 2), 2);
  std::array<char, 4> got{};
  EXPECT_EQ(::read(pair->second.get(), got.data(), got.size()), 2);
}

TEST(SocketPair, OfNoSuchTypeSaysWhatCouldNotBeDone) {
  const auto pair = socket_pair(SOCK_RDM, "join two processes");
  ASSERT_FALSE(pair);
  EXPECT_EQ(pair.error().attempted, "join two processes");
  EXPECT_EQ(pair.error().system_errno, ESOCKTNOSUPPORT);
}

}  // namespace
}  // namespace netns_lab
