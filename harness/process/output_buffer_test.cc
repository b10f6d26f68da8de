#include "harness/process/output_buffer.h"

#include <gtest/gtest.h>

namespace netns_lab::process {
namespace {

TEST(OutputBuffer, GivesWhatItTookInOrder) {
  OutputBuffer buffer(100);
  buffer.append("abc");
  EXPECT_EQ(buffer.take(2), "ab");
  buffer.append("de");
  EXPECT_EQ(buffer.take(1), "c");
  EXPECT_EQ(buffer.take(10), "de");
  EXPECT_EQ(buffer.take(10), "");
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.dropped(), 0U);
}

TEST(OutputBuffer, KeepsTheBeginningAndTheEndAndCountsTheRest) {
  OutputBuffer buffer(6);
  buffer.append("abc");
  EXPECT_EQ(buffer.take(3), "abc");
  buffer.append("defghijk");
  buffer.append("lmn");
  EXPECT_TRUE(buffer.empty());
  buffer.end();
  EXPECT_EQ(buffer.take(10), "lmn");
  EXPECT_EQ(buffer.dropped(), 8U);
}

TEST(OutputBuffer, DropsNothingWithinItsLimit) {
  OutputBuffer buffer(6);
  buffer.append("abcd");
  buffer.append("ef");
  buffer.end();
  EXPECT_EQ(buffer.take(10), "abcdef");
  EXPECT_EQ(buffer.dropped(), 0U);
}

TEST(OutputBuffer, SurvivesManySmallReadsOfMuch) {
  OutputBuffer buffer(1 << 20);
  std::string all;
  for (int i = 0; i < 100'000; ++i) all += std::to_string(i % 10);
  buffer.append(all);
  std::string taken;
  while (!buffer.empty()) taken += buffer.take(7);
  EXPECT_EQ(taken, all);
}

}  // namespace
}  // namespace netns_lab::process
