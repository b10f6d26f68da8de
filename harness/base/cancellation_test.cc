#include "harness/base/cancellation.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace netns_lab {
namespace {

bool readable(int fd) {
  pollfd wait = {fd, POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;
}

TEST(Cancellation, IsQuietUntilRequested) {
  const Cancellation cancellation;
  EXPECT_FALSE(cancellation.requested());
  EXPECT_FALSE(readable(cancellation.fd()));
}

TEST(Cancellation, StaysRequestedAndReadable) {
  Cancellation cancellation;
  cancellation.request();
  cancellation.request();
  EXPECT_TRUE(cancellation.requested());
  EXPECT_TRUE(readable(cancellation.fd()));
  EXPECT_TRUE(readable(cancellation.fd()));
}

}  // namespace
}  // namespace netns_lab
