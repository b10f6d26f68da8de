#include "reports/replaced_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace netns_lab::reports {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ReplacedFileIn : public ::testing::Test {
 protected:
  ReplacedFileIn() {
    std::string pattern = (fs::temp_directory_path() / "replaced-file-test-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~ReplacedFileIn() override { fs::remove_all(folder_); }
  std::string path() const { return (folder_ / "junit.xml").string(); }
  std::string content() const {
    std::ifstream file(path(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) found.push_back(entry.path().filename());
    return found;
  }

 private:
  fs::path folder_;
};

TEST_F(ReplacedFileIn, ShowsEachTextWhole) {
  Result<ReplacedFile> file = ReplacedFile::create(path(), "first");
  ASSERT_TRUE(file) << file.error();
  EXPECT_EQ(content(), "first");
  for (const char* text : {"a much longer second", "3", "", "the fifth", "the sixth text"}) {
    ASSERT_TRUE(file->replace(text));
    EXPECT_EQ(content(), text);
  }
}
TEST_F(ReplacedFileIn, LeavesOneFile) {
  { ASSERT_TRUE(ReplacedFile::create(path(), "text")); }
  EXPECT_THAT(names(), ::testing::ElementsAre("junit.xml"));
}
TEST_F(ReplacedFileIn, TakesOverWhatAKilledRunLeft) {
  std::ofstream(path()) << "an old and longer text";
  std::ofstream(path() + ".new") << "half of an old and much, much longer text";
  {
    Result<ReplacedFile> file = ReplacedFile::create(path(), "new");
    ASSERT_TRUE(file) << file.error();
    EXPECT_EQ(content(), "new");
  }
  EXPECT_THAT(names(), ::testing::ElementsAre("junit.xml"));
}
TEST_F(ReplacedFileIn, SurvivesItsRemovalByAnother) {
  Result<ReplacedFile> file = ReplacedFile::create(path(), "first");
  ASSERT_TRUE(file);
  fs::remove(path());
  ASSERT_TRUE(file->replace("second"));
  EXPECT_EQ(content(), "second");
  ASSERT_TRUE(file->replace("third"));
  EXPECT_EQ(content(), "third");
}
TEST_F(ReplacedFileIn, IsWholeForWhoeverStillReadsAnOldText) {
  Result<ReplacedFile> file = ReplacedFile::create(path(), "text 0");
  ASSERT_TRUE(file);
  std::vector<UniqueFd> readers;
  for (int i = 0; i < 6; ++i) {
    readers.emplace_back(::open(path().c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(file->replace("text " + std::to_string(i + 1)));
  }
  for (std::size_t i = 0; i < readers.size(); ++i) {
    std::array<char, 32> text{};
    const ssize_t got = ::read(readers[i].get(), text.data(), text.size());
    EXPECT_EQ(std::string(text.data(), static_cast<std::size_t>(got)), "text " + std::to_string(i));
  }
  EXPECT_EQ(content(), "text 6");
  EXPECT_EQ(names().size(), 2U);
}
TEST_F(ReplacedFileIn, WritesInPlaceWhenNobodyReads) {
  Result<ReplacedFile> file = ReplacedFile::create(path(), "0");
  ASSERT_TRUE(file);
  const auto inode = [this] {
    struct stat status {};
    return ::stat(path().c_str(), &status) == 0 ? status.st_ino : 0;
  };
  const auto first = inode();
  ASSERT_TRUE(file->replace("1"));
  EXPECT_NE(inode(), first);
  ASSERT_TRUE(file->replace("2"));
  EXPECT_EQ(inode(), first);
}
TEST_F(ReplacedFileIn, IsTakenWhileAnotherProcessWritesIt) {
  Result<ReplacedFile> file = ReplacedFile::create(path(), "first");
  ASSERT_TRUE(file);
  for (int replaced = 0; replaced < 2; ++replaced) {  // whichever of the two files has the name just now
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const Result<ReplacedFile> other = ReplacedFile::create(path(), "other");
      ::_exit(!other && other.error().kind == ErrorKind::kTaken ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "the second writer was let in";
    ASSERT_TRUE(file->replace("again"));
  }
}
TEST_F(ReplacedFileIn, IsLeftAloneByAForkedChildThatGoesAway) {
  Result<ReplacedFile> file = ReplacedFile::create(path(), "first");
  ASSERT_TRUE(file);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    { const ReplacedFile gone(*std::move(file)); }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(names().size(), 2U);
}
TEST_F(ReplacedFileIn, NamesTheFolderThatIsNotThere) {
  const Result<ReplacedFile> file = ReplacedFile::create(path() + "/none/junit.xml", "");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message(), HasSubstr("/none/junit.xml.new: ENO"));
}

}  // namespace
}  // namespace netns_lab::reports
