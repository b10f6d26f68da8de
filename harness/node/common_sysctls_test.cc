#include "harness/node/common_sysctls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <thread>

namespace netns_lab::node {
namespace {

TEST(ReadingThreads, AreOneForFewNamespacesAndNeverMoreThanProcessors) {
  const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
  EXPECT_EQ(reading_threads(0), 1u);
  EXPECT_EQ(reading_threads(1), 1u);
  EXPECT_EQ(reading_threads(5), 1u);
  EXPECT_EQ(reading_threads(6), std::min<std::size_t>(2, processors));
  EXPECT_EQ(reading_threads(100'000), processors);
}

}  // namespace
}  // namespace netns_lab::node
