#include "harness/base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace netns_lab {
namespace {

int open_one() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFd, ClosesWhatItHolds) {
  const int fd = open_one();
  ASSERT_GE(fd, 0);
  { const UniqueFd owner(fd); }
  EXPECT_FALSE(is_open(fd));
}
TEST(UniqueFd, MovesOwnership) {
  UniqueFd first(open_one());
  const int fd = first.get();
  UniqueFd second(std::move(first));
  EXPECT_TRUE(is_open(fd));
  EXPECT_EQ(second.get(), fd);
  UniqueFd third(open_one());
  const int replaced = third.get();
  third = std::move(second);
  EXPECT_FALSE(is_open(replaced));
  EXPECT_TRUE(is_open(fd));
}
TEST(UniqueFd, ReleaseGivesItAway) {
  UniqueFd owner(open_one());
  const int fd = owner.release();
  EXPECT_FALSE(owner.valid());
  EXPECT_TRUE(is_open(fd));
  ::close(fd);
}
TEST(UniqueFd, ClosingKeepsErrno) {
  UniqueFd owner(4711);  // not open: close(2) fails with EBADF
  errno = ENOENT;
  owner.reset();
  EXPECT_EQ(errno, ENOENT);
}
TEST(UniqueFd, EmptyOneIsMinusOne) { EXPECT_EQ(UniqueFd().get(), -1); }

}  // namespace
}  // namespace netns_lab
