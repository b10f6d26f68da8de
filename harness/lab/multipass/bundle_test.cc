#include "harness/lab/multipass/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "harness/base/build_id.h"
#include "harness/process/running_command.h"

namespace netns_lab::multipass {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Unpacked by tar into a folder of the test's own.
class BundleTest : public testing::Test {
 protected:
  BundleTest() {
    std::string made = (std::filesystem::temp_directory_path() / "netns-lab-bundle-XXXXXX").string();
    if (::mkdtemp(made.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = made;
  }
  ~BundleTest() override { std::filesystem::remove_all(folder_); }

  static process::CommandOutcome run(std::vector<std::string> argv, std::string input = "") {
    process::Command command;
    command.argv = std::move(argv);
    command.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}};
    command.standard_input = std::move(input);
    auto outcome = process::run_to_end(std::move(command));
    if (!outcome) throw std::runtime_error(outcome.error().message());
    return *std::move(outcome);
  }
  std::filesystem::path folder_;
};

TEST_F(BundleTest, WhatIsArchivedIsWhatTarUnpacks) {
  std::string all;
  for (const auto& [path, bytes, executable] :
       {std::tuple("a/empty", std::string(), false), std::tuple("a/block", std::string(512, 'b'), true),
        std::tuple("a/more", std::string(513, '\0'), false)}) {
    const auto member = archive_member(path, bytes, executable);
    ASSERT_TRUE(member.has_value()) << member.error();
    all += *member;
  }
  const auto listed = run({"tar", "-tvf", "-"}, all + archive_end());
  ASSERT_TRUE(listed.succeeded()) << listed.errors;
  EXPECT_THAT(listed.output, AllOf(HasSubstr("-rw-r--r-- 0/0               0 1970-01-01 00:00 a/empty"),
                                   HasSubstr("-rwxr-xr-x 0/0             512 1970-01-01 00:00 a/block"),
                                   HasSubstr("-rw-r--r-- 0/0             513 1970-01-01 00:00 a/more")));
}

TEST_F(BundleTest, APathThatIsTooLongIsRefused) {
  EXPECT_TRUE(archive_member(std::string(100, 'p'), "", false).has_value());
  EXPECT_FALSE(archive_member(std::string(101, 'p'), "", false).has_value());
  EXPECT_FALSE(archive_member("", "", false).has_value());
}

TEST_F(BundleTest, ThisProgramRunsFromItWithNothingButItsOwnLibraries) {
  const Bundle bundle{.build = build_id()};
  const std::string self = "/proc/" + std::to_string(::getpid()) + "/exe";
  const auto bytes = archive(bundle, self);
  ASSERT_TRUE(bytes.has_value()) << bytes.error();
  const auto unpacked = run({"tar", "-xf", "-", "-C", folder_.string()}, *bytes);
  ASSERT_TRUE(unpacked.succeeded()) << unpacked.errors;
  // Whoever unpacks it makes the mark, when all is on the disk.
  ASSERT_FALSE(std::filesystem::exists(folder_.string() + bundle.mark()));
  std::vector<std::string> argv = bundle.argv({"--gtest_list_tests"});
  for (std::string& word : argv) {
    if (word.starts_with('/')) word = folder_.string() + word;
  }
  const auto listed = run(argv);
  ASSERT_TRUE(listed.succeeded()) << listed.errors;
  EXPECT_THAT(listed.output, HasSubstr("ThisProgramRunsFromItWithNothingButItsOwnLibraries"));
  // Every library that it would load is one of the bundle's.
  argv.pop_back();
  argv.insert(argv.begin() + 1, "--list");
  const auto libraries = run(argv);
  ASSERT_TRUE(libraries.succeeded()) << libraries.errors;
  EXPECT_THAT(libraries.output, HasSubstr(folder_.string() + bundle.folder() + "/lib/libc.so.6"));
  EXPECT_THAT(libraries.output, Not(HasSubstr("=> /lib/")));
  EXPECT_THAT(libraries.output, Not(HasSubstr("=> /usr/")));
}

TEST_F(BundleTest, AProgramThatIsNotThereIsAnError) {
  EXPECT_FALSE(archive({.build = "x"}, "/nosuch/program").has_value());
}

}  // namespace
}  // namespace netns_lab::multipass
