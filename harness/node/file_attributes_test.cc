#include "harness/node/file_attributes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace netns_lab::node {
namespace {

class FileAttributesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path().string() + "/netns-lab-attributes-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    write("a", "text");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  void write(const std::string& name, const std::string& text) { std::ofstream(path(name)) << text; }
  // What is other about `name` after `change`.
  template <typename Change>
  std::string after(const std::string& name, Change change) {
    const auto before = FileAttributes::of(path(name));
    change();
    return attribute_changes(*before, *FileAttributes::of(path(name)));
  }

 private:
  std::string folder_;
};

TEST_F(FileAttributesTest, NothingChangedIsNothing) {
  EXPECT_EQ(after("a", [] {}), "");
  EXPECT_EQ(FileAttributes::of(path("none")).has_value(), false);
}

TEST_F(FileAttributesTest, AModeIsTold) {
  EXPECT_EQ(after("a", [&] { ASSERT_EQ(::chmod(path("a").c_str(), 0600), 0); }), "mode 600, it was 644");
}

TEST_F(FileAttributesTest, AnotherTypeIsTold) {
  EXPECT_EQ(after("a",
                  [&] {
                    ASSERT_EQ(::unlink(path("a").c_str()), 0);
                    ASSERT_EQ(::mkdir(path("a").c_str(), 0755), 0);
                  }),
            "it is of another type than it was");
}

TEST_F(FileAttributesTest, AFolderIsNotOtherForWhatIsInIt) {
  ASSERT_EQ(::mkdir(path("folder").c_str(), 0755), 0);
  EXPECT_EQ(after("folder", [&] { write("folder/x", "x"); }), "");
}

TEST_F(FileAttributesTest, AnExtendedAttributeIsTold) {
  if (::lsetxattr(path("a").c_str(), "user.probe", "x", 1, 0) != 0)
    GTEST_SKIP() << "no user attributes in this file system";
  ASSERT_EQ(::lremovexattr(path("a").c_str(), "user.probe"), 0);
  EXPECT_EQ(after("a", [&] { ASSERT_EQ(::lsetxattr(path("a").c_str(), "user.left", "x", 1, 0), 0); }),
            "its extended attributes were changed");
  EXPECT_EQ(extended_attributes(path("a")).at("user.left"), "x");
  ASSERT_EQ(::lsetxattr(path("a").c_str(), "user.overlay.opaque", "y", 1, 0), 0);
  EXPECT_EQ(extended_attributes(path("a")).size(), 1U) << "overlayfs keeps its own records";
  EXPECT_TRUE(hides_what_was_there(path("a")));
}

TEST_F(FileAttributesTest, ContentsAreComparedToTheEnd) {
  const std::string longer(200'000, 'x');
  write("b", longer);
  write("c", longer);
  EXPECT_TRUE(same_contents(path("b"), path("c")));
  write("c", longer.substr(1) + "y");
  EXPECT_FALSE(same_contents(path("b"), path("c")));
  write("c", longer + "x");
  EXPECT_FALSE(same_contents(path("b"), path("c")));
  EXPECT_TRUE(same_contents(path("b"), path("none"))) << "what cannot be read is taken to be the same";
}

}  // namespace
}  // namespace netns_lab::node
