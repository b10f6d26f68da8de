#include "harness/node/journal_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace netns_lab::node {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(JournalContents, AreReadInTheirOrderWithoutWhatWasForgotten) {
  const JournalContents contents = parse_journal(
      R"({"boot":"b","netns":4026531840,"guard":7}
{"sysctl":"net.ipv4.ip_forward","value":"0"}
{"sysctl":"net.ipv4.ip_forward","value":"1"}
{"sysctl":"net.ipv4.ip_default_ttl","value":"64"}
{"restored":"net.ipv4.ip_default_ttl"}
{"link":"br0"}
{"link":"br1"}
{"forget":"br0"}
{"nft-table":"ip nat"}
{"nft-table":"ip other"}
{"forget-nft-table":"ip other"}
)");
  EXPECT_EQ(contents.boot, "b");
  EXPECT_EQ(contents.network_namespace, 4026531840U);
  EXPECT_EQ(contents.guard, 7);
  EXPECT_THAT(contents.sysctls, ElementsAre(Pair("net.ipv4.ip_forward", "0")));
  EXPECT_THAT(contents.links, ElementsAre("br1"));
  EXPECT_THAT(contents.nft_tables, ElementsAre("ip nat"));
  EXPECT_THAT(contents.torn, IsEmpty());
}

TEST(JournalContents, WhatIsNoRecordIsTornAndNothingElse) {
  for (const std::string line :
       {R"({"link":"br7)", "null", "[]", "{}", R"({"link":5})", R"({"sysctl":"net.ipv4.ip_forward"})",
        R"({"sysctl":"net.ipv4.ip_forward","value":0})", R"({"boot":5,"netns":1,"guard":1})",
        R"({"boot":"b","netns":"1","guard":1})", R"({"nft-table":null})", R"({"other":"br0"})"}) {
    const JournalContents contents = parse_journal(line + "\n{\"link\":\"br0\"}\n");
    EXPECT_THAT(contents.torn, ElementsAre(line));
    EXPECT_THAT(contents.links, ElementsAre("br0"));
    EXPECT_THAT(contents.sysctls, IsEmpty());
    EXPECT_EQ(contents.boot, "");
  }
}

}  // namespace
}  // namespace netns_lab::node
