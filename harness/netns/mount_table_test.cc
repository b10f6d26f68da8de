#include "harness/netns/mount_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netns_lab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MountTable, ReadsOptionalFieldsAndEscapes) {
  const MountTable table = MountTable::parse(
      "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n");
  EXPECT_THAT(table.entries(), ElementsAre(MountEntry{.id = 36,
                                                      .parent = 35,
                                                      .root = "/mnt1",
                                                      .mount_point = "/mnt 2",
                                                      .options = "rw,noatime",
                                                      .propagation = "master:1 shared:2",
                                                      .file_system = "ext3"}));
}

TEST(MountTable, LeavesOutWhatItCannotUnderstand) {
  EXPECT_THAT(MountTable::parse("").entries(), IsEmpty());
  EXPECT_THAT(MountTable::parse("nonsense\n36 35 98:0 /\nx y 98:0 / /a rw - t s o\n1 2 0:1 / /a rw -\n").entries(),
              IsEmpty());
}

TEST(MountTable, TakesADeletedFileForWhatItWas) {
  const MountTable table = MountTable::parse("2 1 0:2 /tmp/a.s//deleted /tmp/a.s ro - ext4 o rw\n");
  EXPECT_THAT(table.entries(), ElementsAre(::testing::Field(&MountEntry::root, "/tmp/a.s")));
}

TEST(MountTable, CountsOnlyMountsOnTopOfEachOther) {
  // 3 hides 2 at /a/b because 4 is a mount over /a: only what is reachable through it is stacked.
  const MountTable table = MountTable::parse(
      "1 0 0:1 / / rw - t s o\n"
      "2 1 0:2 / /a/b rw - t s o\n"
      "4 1 0:3 / /a rw - t s o\n"
      "5 4 0:4 / /a/b rw - t s o\n"
      "6 5 0:5 / /a/b rw - t s o\n");
  EXPECT_EQ(table.stacked_at("/a/b"), 2u);
  EXPECT_EQ(table.stacked_at("/a"), 1u);
  EXPECT_EQ(table.stacked_at("/c"), 0u);
}

TEST(MountTable, AMountIsHiddenByWhatLiesOnItOrAboveIt) {
  const MountTable table = MountTable::parse(
      "1 0 0:1 / / rw - t s o\n"
      "2 1 0:2 / /a/b rw - t s o\n"
      "3 2 0:2 / /a/b/c rw - t s o\n"
      "4 1 0:3 / /a rw - t s o\n"
      "5 4 0:4 / /a/b rw - t s o\n"
      "6 5 0:5 / /a/b rw - t s o\n"
      "7 1 0:6 / /ab rw - t s o\n"
      "8 7 0:7 / /ab rw - t s o\n"
      "9 8 0:7 /x /ab/x rw - t s o\n");
  std::vector<std::uint64_t> hidden;
  for (const MountEntry& entry : table.entries()) {
    if (table.is_hidden(entry)) hidden.push_back(entry.id);
  }
  EXPECT_THAT(hidden, ElementsAre(2, 3, 5, 7));
}

TEST(MountTable, SeesTheRootOfThisProcess) {
  const auto table = MountTable::read();
  ASSERT_TRUE(table) << table.error();
  EXPECT_GE(table->stacked_at("/run"), 1u);
}

}  // namespace
}  // namespace netns_lab
