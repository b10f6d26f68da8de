// A disk of a machine that outlives it, as a user has one: with real machines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "harness/cli/command_under_test.h"
#include "harness/cli/machine_under_test.h"

namespace netns_lab::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class StateDisks : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = missing_for_machines(); !missing.empty()) GTEST_SKIP() << missing;
    if (::access("/usr/sbin/mkfs.ext4", X_OK) != 0) GTEST_SKIP() << "no mkfs.ext4: apt-get install e2fsprogs";
    command_.patience = std::chrono::minutes(8);
  }
  std::string disk() const { return command_.folder() + "/lab.disk"; }
  Ran up(const std::vector<std::string>& more = {}, const std::string& name = "keeps") {
    std::vector<std::string> words = {"up", "--lab", "qemu", "--name", name};
    words.insert(words.end(), more.begin(), more.end());
    return command_.run(words);
  }
  Ran on_node(const std::string& script) {
    return command_.run({"exec", "--lab", "qemu", "--name", "keeps", "--", "sh", "-c", script});
  }
  Ran judge(const std::string& target) {
    return command_.run({"test", "single-namespace", "--target", target, "--lab", "qemu", "--name", "keeps"});
  }
  Ran destroy() { return command_.run({"destroy", "--lab", "qemu", "--name", "keeps"}); }

  MachineCommand command_;
};

TEST_F(StateDisks, KeepWhatTheNodeWroteWhenTheMachineEnds) {
  const Ran made = up({"--state-disk", disk(), "--disk", "64M"});
  ASSERT_EQ(made.status, 0) << made;
  EXPECT_THAT(made.errors, HasSubstr("lab.disk: a new state disk of 64 MiB"));
  EXPECT_EQ(fs::file_size(disk()), 64u << 20);
  EXPECT_THAT(on_node("mkdir /state/d && echo kept >/state/d/file"), HasStatus(0));
  ASSERT_THAT(destroy(), HasStatus(0));

  const Ran again = up({"--state-disk", disk(), "--disk", "80M"});
  ASSERT_EQ(again.status, 0) << again;
  EXPECT_THAT(again.errors, HasSubstr("--disk does not change it"));
  EXPECT_EQ(on_node("cat /state/d/file; rm -r /state/d; echo more >/state/file; sync").output, "kept\n");

  // Also when the machine is ended without a word.
  ASSERT_THAT(machines_below(), SizeIs(1));
  ::kill(machines_below().front(), SIGKILL);
  ASSERT_TRUE(eventually([this] { return on_node("true").status == 3; }));
  const Ran third = up({"--state-disk", disk()});
  ASSERT_EQ(third.status, 0) << third;
  EXPECT_EQ(on_node("ls /state; cat /state/file").output, "file\nlost+found\nmore\n");
  EXPECT_THAT(destroy(), HasStatus(0));
  EXPECT_THAT(left_by(command_), IsEmpty());
}

TEST_F(StateDisks, AreOfOneMachineAndNoConcernOfAVerdictUnlessTheTargetWritesThere) {
  ASSERT_THAT(up({"--state-disk", disk(), "--disk", "64M"}), HasStatus(0));
  EXPECT_THAT(up({"--state-disk", disk()}).output, HasSubstr("reused"));
  const Ran other = up({"--state-disk", disk() + ".other"});
  EXPECT_EQ(other.status, 3) << other;
  EXPECT_THAT(other.errors, AllOf(HasSubstr("it is up with " + disk()), HasSubstr("netns-lab destroy")));
  const Ran second = up({"--state-disk", disk()}, "another");
  EXPECT_EQ(second.status, 3) << second;
  EXPECT_THAT(second.errors, HasSubstr("another lab's machine has it"));

  EXPECT_THAT(on_node("echo mine >/state/mine"), HasStatus(0));
  const Ran native = judge("native");
  EXPECT_EQ(native.status, 0) << native;

  const fs::path shipped = CommandUnderTest::fixture("scenarios/single-namespace");
  fs::copy(shipped, command_.folder() + "/writes");
  std::ifstream file(shipped / "setup.sh");
  std::string script(std::istreambuf_iterator<char>(file), {});
  script.insert(script.find('\n') + 1,
                "{ echo left >/state/left-by-target; } 2>/dev/null || true  # read-only in a fresh node\n");
  const std::string target = "script:" + command_.folder() + "/writes";
  command_.write("writes/setup.sh", script, 0755);
  const Ran writes = judge(target);
  EXPECT_EQ(writes.status, 1) << writes;
  EXPECT_THAT(writes.output,
              AllOf(HasSubstr("/state/left-by-target was made and not removed"), Not(HasSubstr("/state/mine"))));
  EXPECT_EQ(on_node("cat /state/*").output, "left\nmine\n");
  // It is the disk's now, and in nobody's way.
  EXPECT_THAT(judge("native"), HasStatus(0));
  EXPECT_THAT(destroy(), HasStatus(0));
  EXPECT_THAT(left_by(command_), IsEmpty());
}

TEST_F(StateDisks, ThatCannotGrowFailInTheMachineWhichLivesOn) {
  const std::string small = command_.folder() + "/small";
  fs::create_directory(small);
  ASSERT_EQ(::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=13m"), 0);
  ASSERT_THAT(up({"--state-disk", small + "/disk", "--disk", "64M"}), HasStatus(0));
  const Ran full = on_node("head -c 40000000 /dev/zero | tr '\\0' x >/state/large; sync; touch /state/more");
  EXPECT_NE(full.status, 0) << full;
  EXPECT_THAT(on_node("true"), HasStatus(0));
  EXPECT_THAT(destroy(), HasStatus(0));
  EXPECT_EQ(::umount(small.c_str()), 0);
  EXPECT_THAT(left_by(command_), IsEmpty());
}

TEST_F(StateDisks, ThatAreNoneAreToldAndNothingIsStarted) {
  command_.write("letter", "a letter");
  const Ran letter = up({"--state-disk", command_.folder() + "/letter"});
  EXPECT_EQ(letter.status, 2) << letter;
  EXPECT_THAT(letter.errors, AllOf(HasSubstr("/letter"), HasSubstr("holds no ext4 file system")));
  EXPECT_THAT(up({"--state-disk", command_.folder() + "/nosuch/disk"}), HasStatus(2));
  EXPECT_THAT(up({"--state-disk", command_.folder()}), HasStatus(2));
  EXPECT_THAT(left_by(command_), IsEmpty());
}

}  // namespace
}  // namespace netns_lab::cli
