#include "harness/netns/named.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace netns_lab {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kDirectory = "/run/netns";  // the test binary's own: /run is a private tmpfs

class NamedNamespace : public ::testing::Test {
 protected:
  void TearDown() override {
    const auto entries = list_namespace_entries(kDirectory);
    ASSERT_TRUE(entries) << entries.error();
    for (const NamespaceEntry& entry : *entries) EXPECT_TRUE(unname_namespace(kDirectory, entry.name));
  }
};

TEST_F(NamedNamespace, CanBeOpenedByItsName) {
  const auto made = create_named_namespace(kDirectory, "one");
  ASSERT_TRUE(made) << made.error();
  const auto opened = NetworkNamespace::open(kDirectory, "one");
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ(opened->identity(), made->identity());
}

TEST_F(NamedNamespace, IsListedAsOneMountOfNsfs) {
  const auto made = create_named_namespace(kDirectory, "one");
  ASSERT_TRUE(made) << made.error();
  const auto entries = list_namespace_entries(kDirectory);
  ASSERT_TRUE(entries) << entries.error();
  EXPECT_THAT(*entries,
              ElementsAre(NamespaceEntry{
                  .name = "one", .is_nsfs_mount = true, .is_network = true, .inode = made->inode(), .mounts = 1}));
}

TEST_F(NamedNamespace, OutlivesItsMaker) {
  std::uint64_t inode = 0;
  {
    const auto made = create_named_namespace(kDirectory, "one");
    ASSERT_TRUE(made) << made.error();
    inode = made->inode();
  }
  const auto opened = NetworkNamespace::open(kDirectory, "one");
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ(opened->inode(), inode);
}

TEST_F(NamedNamespace, RefusesANameInUse) {
  ASSERT_TRUE(create_named_namespace(kDirectory, "one"));
  const auto again = create_named_namespace(kDirectory, "one");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kTaken);
  EXPECT_THAT(again.error().message(), HasSubstr("/run/netns/one"));
}

TEST_F(NamedNamespace, ListsAPlainFileAsWhatItIs) {
  ASSERT_TRUE(create_named_namespace(kDirectory, "one"));
  const UniqueFd file(::open("/run/netns/stray", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  ASSERT_TRUE(file.valid());
  const auto entries = list_namespace_entries(kDirectory);
  ASSERT_TRUE(entries) << entries.error();
  EXPECT_THAT(*entries, ElementsAre(Field(&NamespaceEntry::name, "one"), NamespaceEntry{.name = "stray"}));
}

TEST_F(NamedNamespace, ListsAnotherKindOfNamespaceAsNotANetwork) {
  ASSERT_TRUE(create_named_namespace(kDirectory, "one"));
  { const UniqueFd file(::open("/run/netns/uts", O_WRONLY | O_CREAT | O_CLOEXEC, 0)); }
  ASSERT_EQ(::mount("/proc/self/ns/uts", "/run/netns/uts", "none", MS_BIND, nullptr), 0);
  const auto entries = list_namespace_entries(kDirectory);
  ASSERT_TRUE(entries) << entries.error();
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_TRUE((*entries)[1].is_nsfs_mount);
  EXPECT_FALSE((*entries)[1].is_network);
}

TEST_F(NamedNamespace, CountsStackedMountsAndRemovesThemAll) {
  ASSERT_TRUE(create_named_namespace(kDirectory, "one"));
  const auto other = NetworkNamespace::create();
  ASSERT_TRUE(other) << other.error();
  ASSERT_EQ(
      ::mount(("/proc/self/fd/" + std::to_string(other->fd())).c_str(), "/run/netns/one", "none", MS_BIND, nullptr), 0);
  const auto stacked = list_namespace_entries(kDirectory);
  ASSERT_TRUE(stacked) << stacked.error();
  EXPECT_THAT(*stacked,
              ElementsAre(NamespaceEntry{
                  .name = "one", .is_nsfs_mount = true, .is_network = true, .inode = other->inode(), .mounts = 2}));
  ASSERT_TRUE(unname_namespace(kDirectory, "one"));
  EXPECT_THAT(*list_namespace_entries(kDirectory), IsEmpty());
}

// Who bound a name by hand, without what ip-netns makes of the folder, can still take it away.
TEST_F(NamedNamespace, LeavesTheFolderAsItIsWhereNamesWereBoundByHand) {
  const auto by_hand = NetworkNamespace::create();
  ASSERT_TRUE(by_hand) << by_hand.error();
  ::mkdir(kDirectory, 0755);
  { const UniqueFd file(::open("/run/netns/hand", O_WRONLY | O_CREAT | O_CLOEXEC, 0)); }
  ASSERT_EQ(
      ::mount(("/proc/self/fd/" + std::to_string(by_hand->fd())).c_str(), "/run/netns/hand", "none", MS_BIND, nullptr),
      0);
  ASSERT_TRUE(create_named_namespace(kDirectory, "one"));
  EXPECT_THAT(*list_namespace_entries(kDirectory),
              ElementsAre(Field(&NamespaceEntry::mounts, 1), Field(&NamespaceEntry::mounts, 1)));
  EXPECT_EQ(::umount2("/run/netns/hand", 0), 0);
  EXPECT_EQ(::unlink("/run/netns/hand"), 0);
  EXPECT_TRUE(unname_namespace(kDirectory, "one"));
}

TEST_F(NamedNamespace, IsGoneAfterUnname) {
  ASSERT_TRUE(create_named_namespace(kDirectory, "one"));
  ASSERT_TRUE(unname_namespace(kDirectory, "one"));
  EXPECT_NE(::access("/run/netns/one", F_OK), 0);
  const auto again = unname_namespace(kDirectory, "one");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kMissing);
}

TEST(ListNamespaceEntries, OfAnAbsentFolderIsEmpty) {
  const auto entries = list_namespace_entries("/run/no-such-folder");
  ASSERT_TRUE(entries) << entries.error();
  EXPECT_THAT(*entries, IsEmpty());
}

struct NameRow {
  const char* name;
  std::string given;
  std::string says;  // "" accepted
};
class NamespaceName : public ::testing::TestWithParam<NameRow> {};

TEST_P(NamespaceName, IsJudged) {
  const auto checked = check_namespace_name(GetParam().given);
  EXPECT_EQ(checked.has_value(), GetParam().says.empty());
  const std::string said = checked ? "" : checked.error().message();
  EXPECT_THAT(said, HasSubstr(GetParam().says));
  EXPECT_EQ(said.find('\n'), std::string::npos);
  if (!checked) {
    EXPECT_EQ(checked.error().kind, ErrorKind::kInvalid);
  }
}

INSTANTIATE_TEST_SUITE_P(Names, NamespaceName,
                         ::testing::Values(NameRow{"Plain", "netns1", ""}, NameRow{"Blank", "a b", ""},
                                           NameRow{"Longest", std::string(255, 'x'), ""},
                                           NameRow{"TooLong", std::string(256, 'x'), "256 bytes"},
                                           NameRow{"Empty", "", "empty"}, NameRow{"Slash", "a/b", "'/'"},
                                           NameRow{"Dot", ".", "folder"}, NameRow{"DotDot", "..", "folder"},
                                           NameRow{"Path", "../etc", "'/'"},
                                           NameRow{"Nul", std::string("a\0b", 3), "NUL"}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab
