#include "harness/lab/qemu/file_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness/lab/qemu/initramfs.h"
#include "harness/process/running_command.h"

namespace netns_lab::qemu {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Files : public ::testing::Test {
 protected:
  Files() {
    std::string pattern = ::testing::TempDir() + "tree-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = fs::canonical(pattern).string();
  }
  ~Files() override { fs::remove_all(folder_); }

  std::string put(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    const std::string path = folder_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  std::string folder_;
};

TEST_F(Files, EveryLinkOnTheWayToAFileIsThere) {
  put("usr/bin/tool-1.2", "tool", 0755);
  fs::create_symlink("tool-1.2", folder_ + "/usr/bin/tool");
  fs::create_symlink("usr/bin", folder_ + "/bin");
  fs::create_symlink(folder_ + "/bin/tool", folder_ + "/alternative");
  FileTree tree;
  ASSERT_TRUE(tree.add_ours(folder_ + "/alternative").has_value());
  EXPECT_EQ(tree.describe(folder_ + "/alternative"), "-> " + folder_ + "/bin/tool");
  EXPECT_EQ(tree.describe(folder_ + "/bin"), "-> usr/bin");
  EXPECT_EQ(tree.describe(folder_ + "/usr/bin"), "folder");
  EXPECT_EQ(tree.describe(folder_ + "/usr/bin/tool"), "-> tool-1.2");
  EXPECT_EQ(tree.describe(folder_ + "/usr/bin/tool-1.2"), "file " + folder_ + "/usr/bin/tool-1.2");
}

TEST_F(Files, LinksUpwardsAreFollowedAndEndlessOnesRefused) {
  put("data/file", "x");
  fs::create_directories(folder_ + "/links");
  fs::create_symlink("../data/file", folder_ + "/links/up");
  fs::create_symlink("circle", folder_ + "/links/circle");
  FileTree tree;
  ASSERT_TRUE(tree.add_ours(folder_ + "/links/up").has_value());
  EXPECT_EQ(tree.describe(folder_ + "/data/file"), "file " + folder_ + "/data/file");
  const auto endless = tree.add_ours(folder_ + "/links/circle");
  ASSERT_FALSE(endless.has_value());
  EXPECT_EQ(endless.error().system_errno, ELOOP);
}

TEST_F(Files, AFileThatIsMissingIsToldByName) {
  FileTree tree;
  const auto added = tree.add_ours(folder_ + "/nosuch");
  ASSERT_FALSE(added.has_value());
  EXPECT_THAT(added.error().message(), HasSubstr(folder_ + "/nosuch"));
  EXPECT_FALSE(tree.add_ours(folder_ + "/nosuch", "/here").has_value());
  EXPECT_TRUE(tree.add_ours_below(folder_ + "/nosuch").has_value());
}

// The kernel's own reader is the judge in the tests with machines; here it is cpio(1), where there is one.
TEST_F(Files, UnpackedTheArchiveIsWhatWasAdded) {
  if (::access("/usr/bin/cpio", X_OK) != 0) GTEST_SKIP() << "apt-get install cpio: nothing here unpacks archives";
  FileTree tree;
  tree.add_text("/etc/motd", "hello\n", 0600);
  tree.add_folder("/empty", 0700);
  const std::string long_text(70'001, 'y');
  ASSERT_TRUE(tree.add_ours(put("tool", long_text, 0755), "/bin/tool").has_value());
  fs::create_symlink("tool", folder_ + "/link");
  ASSERT_TRUE(tree.add_ours(folder_ + "/link").has_value());
  const auto archive = tree.archive();
  ASSERT_TRUE(archive.has_value()) << archive.error();
  put("archive.cpio", *archive);
  process::Command command;
  fs::create_directories(folder_ + "/out");
  command.argv = {"/usr/bin/cpio", "-i", "--no-absolute-filenames", "-F", folder_ + "/archive.cpio"};
  command.working_directory = folder_ + "/out";
  const auto unpacked = process::run_to_end(command);
  ASSERT_TRUE(unpacked.has_value()) << unpacked.error();
  ASSERT_TRUE(unpacked->succeeded()) << unpacked->errors;
  const auto read = [&](const std::string& name) {
    std::ifstream file(folder_ + "/out/" + name, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(read("etc/motd"), "hello\n");
  EXPECT_EQ(read("bin/tool"), long_text);
  EXPECT_EQ(fs::read_symlink(folder_ + "/out" + folder_ + "/link"), "tool");
  struct stat status {};
  ASSERT_EQ(::stat((folder_ + "/out/etc/motd").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  ASSERT_EQ(::stat((folder_ + "/out/empty").c_str(), &status), 0);
  EXPECT_TRUE(S_ISDIR(status.st_mode));
}

TEST(Initramfs, IsNewcWithNamesAndContentsOnFourByteBoundaries) {
  Initramfs image;
  image.file("ab", 0640, "xyz");
  const std::string archive = std::move(image).finish();
  const std::string header =
      "070701"
      "00000001"
      "000081A0"
      "00000000"
      "00000000"
      "00000001"
      "00000000"
      "00000003"
      "00000000"
      "00000000"
      "00000000"
      "00000000"
      "00000003"
      "00000000";
  ASSERT_EQ(header.size(), 110u);
  EXPECT_EQ(archive.substr(0, 110), header);
  EXPECT_EQ(archive.substr(110, 2), "ab");
  EXPECT_EQ(archive.substr(116, 3), "xyz");  // 110 + 3 is 113, and the next multiple of four 116
  EXPECT_EQ(archive.substr(120, 6), "070701");
  EXPECT_THAT(archive, HasSubstr("TRAILER!!!"));
  EXPECT_EQ(archive.size() % 4, 0u);
}

}  // namespace
}  // namespace netns_lab::qemu
