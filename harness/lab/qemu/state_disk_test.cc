#include "harness/lab/qemu/state_disk.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace netns_lab::qemu {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

struct SizeRow {
  std::string name;
  std::string given;
  std::uint64_t want;  // 0: refused
};
void PrintTo(const SizeRow& row, std::ostream* out) { *out << row.name; }
class DiskSize : public ::testing::TestWithParam<SizeRow> {};

TEST_P(DiskSize, IsANumberAndAUnit) {
  const auto size = parse_disk(GetParam().given);
  EXPECT_EQ(size.value_or(0), GetParam().want);
  if (!size) {
    EXPECT_EQ(size.error().kind, ErrorKind::kInvalid) << size.error();
  }
}
INSTANTIATE_TEST_SUITE_P(Rows, DiskSize,
                         testing::Values(SizeRow{"Default", "", 1ull << 30}, SizeRow{"Mebibytes", "64M", 64ull << 20},
                                         SizeRow{"Gibibytes", "3G", 3ull << 30}, SizeRow{"NoUnit", "64", 0},
                                         SizeRow{"NoNumber", "G", 0}, SizeRow{"Negative", "-1G", 0},
                                         SizeRow{"TooSmall", "15M", 0}, SizeRow{"TooLarge", "99999999999G", 0}),
                         [](const auto& row) { return row.param.name; });

class StateDiskTest : public ::testing::Test {
 protected:
  StateDiskTest() {
    std::string pattern = fs::temp_directory_path().string() + "/netns-lab-disk-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~StateDiskTest() override { fs::remove_all(folder_); }
  StateDiskSpec spec(const std::string& name = "disk") const {
    return {.path = (folder_ / name).string(), .size = 64ull << 20};
  }
  void expect_refused(const StateDiskSpec& given, ErrorKind kind, const std::string& words) const {
    const auto disk = StateDisk::open(given);
    ASSERT_FALSE(disk.has_value());
    EXPECT_EQ(disk.error().kind, kind) << disk.error();
    EXPECT_THAT(disk.error().message(), HasSubstr("--state-disk " + given.path));
    EXPECT_THAT(disk.error().message(), HasSubstr(words));
  }
  void needs_mkfs() const {
    if (::access("/usr/sbin/mkfs.ext4", X_OK) != 0) GTEST_SKIP() << "no mkfs.ext4: apt-get install e2fsprogs";
  }
  fs::path folder_;
};

TEST_F(StateDiskTest, IsMadeSparseWhereThereIsNoneAndThenKept) {
  needs_mkfs();
  if (IsSkipped()) return;
  {
    const auto made = StateDisk::open(spec());
    ASSERT_TRUE(made.has_value()) << made.error();
    EXPECT_TRUE(made->is_new());
    EXPECT_EQ(fs::file_size(made->path()), 64u << 20);
    struct stat status {};
    ASSERT_EQ(::fstat(made->fd(), &status), 0);
    EXPECT_LT(status.st_blocks * 512, 16 << 20);
  }
  const auto kept = StateDisk::open(spec());
  ASSERT_TRUE(kept.has_value()) << kept.error();
  EXPECT_FALSE(kept->is_new());
}

TEST_F(StateDiskTest, OfAnEmptyFileIsMadeToo) {
  needs_mkfs();
  if (IsSkipped()) return;
  std::ofstream(folder_ / "disk").close();
  const auto made = StateDisk::open(spec());
  ASSERT_TRUE(made.has_value()) << made.error();
  EXPECT_TRUE(made->is_new());
}

TEST_F(StateDiskTest, IsOneMachinesUntilTheLastCopyOfItsDescriptorIsClosed) {
  needs_mkfs();
  if (IsSkipped()) return;
  UniqueFd copy;
  {
    const auto first = StateDisk::open(spec());
    ASSERT_TRUE(first.has_value()) << first.error();
    copy = UniqueFd(::fcntl(first->fd(), F_DUPFD_CLOEXEC, 3));
    expect_refused(spec(), ErrorKind::kTaken, "another lab's machine has it");
  }
  expect_refused(spec(), ErrorKind::kTaken, "another lab's machine has it");
  copy.reset();
  EXPECT_TRUE(StateDisk::open(spec()).has_value());
}

TEST_F(StateDiskTest, ThatAQemuOfSomebodyHasIsRefused) {
  std::ofstream(folder_ / "disk") << "something";
  const UniqueFd theirs(::open((folder_ / "disk").c_str(), O_RDWR | O_CLOEXEC));
  struct flock lock {};  // as QEMU does it: shared, on one byte for each permission
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 101;
  lock.l_len = 1;
  ASSERT_EQ(::fcntl(theirs.get(), F_OFD_SETLK, &lock), 0);
  expect_refused(spec(), ErrorKind::kTaken, "a QEMU has it");
}

TEST_F(StateDiskTest, ThatHoldsSomethingElseIsRefusedAndLeftAsItIs) {
  std::ofstream(folder_ / "disk") << "a letter";
  expect_refused(spec(), ErrorKind::kInvalid, "holds no ext4 file system");
  EXPECT_EQ(fs::file_size(folder_ / "disk"), 8u);
}

TEST_F(StateDiskTest, InAFolderThatIsNotThereIsRefused) {
  expect_refused(spec("nosuch/disk"), ErrorKind::kInvalid, "ENOENT");
}

TEST_F(StateDiskTest, ThatIsAFolderOrAPipeIsRefused) {
  fs::create_directory(folder_ / "folder");
  expect_refused(spec("folder"), ErrorKind::kInvalid, "EISDIR");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  expect_refused(spec("pipe"), ErrorKind::kInvalid, "it is no file");
}

TEST_F(StateDiskTest, WithoutMkfsSaysWhatToInstallAndLeavesTheFileEmpty) {
  StateDiskSpec without = spec();
  without.program_path = "/nosuch";
  expect_refused(without, ErrorKind::kMissing, "apt-get install e2fsprogs");
  EXPECT_EQ(fs::file_size(folder_ / "disk"), 0u);
}

TEST_F(StateDiskTest, ThatMkfsCannotMakeIsToldInItsWordsAndLeftEmpty) {
  StateDiskSpec failing = spec();
  failing.program_path = folder_.string();
  std::ofstream(folder_ / "mkfs.ext4") << "#!/bin/sh\necho no room >&2\nexit 3\n";
  ::chmod((folder_ / "mkfs.ext4").c_str(), 0755);
  expect_refused(failing, ErrorKind::kMissing, "exited with status 3, and printed: no room");
  EXPECT_EQ(fs::file_size(folder_ / "disk"), 0u);
}

}  // namespace
}  // namespace netns_lab::qemu
