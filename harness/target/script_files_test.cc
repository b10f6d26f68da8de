#include "harness/target/script_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>

namespace netns_lab {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const fs::path kFolder = "/run/script-files";

void write(const std::string& name, const std::string& text, mode_t mode = 0755) {
  const fs::path path = kFolder / name;
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  ::chmod(path.c_str(), mode);
}

std::vector<std::string> names(const ScriptFiles& script) {
  std::vector<std::string> names;
  for (const ScriptFile& file : script.files) names.push_back(file.name);
  return names;
}

TEST(ScriptFiles, AreThoseOfTheFolderAndItsSubfolders) {
  fs::remove_all(kFolder);
  write("setup.sh", "#!/bin/bash\n");
  write("teardown.sh", "#!/bin/bash\n");
  write("env.sh", "CON=netns1\n", 0644);
  write("lib/a.sh", std::string("\0\xff", 2), 0640);
  write(".git/config", "not for the node");
  fs::create_symlink("setup.sh", kFolder / "also.sh");
  fs::create_symlink("/nonexistent", kFolder / "dangling");
  const auto script = read_script_files(kFolder);
  ASSERT_TRUE(script.has_value()) << script.error();
  EXPECT_THAT(names(*script), ElementsAre("also.sh", "env.sh", "lib/a.sh", "setup.sh", "teardown.sh"));
  EXPECT_EQ(script->setup, "setup.sh");
  EXPECT_EQ(script->teardown, "teardown.sh");
  EXPECT_EQ(script->parameters, (Parameters{{"CON", "netns1"}}));
  EXPECT_EQ(script->find("lib/a.sh")->mode, 0640U);
  EXPECT_EQ(script->find("lib/a.sh")->bytes, std::string("\0\xff", 2));
  EXPECT_EQ(script->find("nosuch"), nullptr);
}

TEST(ScriptFiles, NeedNeitherEnvNorTeardown) {
  fs::remove_all(kFolder);
  write("build.sh", "#!/bin/bash\n");
  const auto script = read_script_files(kFolder / "build.sh");
  ASSERT_TRUE(script.has_value()) << script.error();
  EXPECT_EQ(script->setup, "build.sh");
  EXPECT_EQ(script->teardown, "");
  EXPECT_TRUE(script->parameters.empty());
}

struct RefusedCase {
  std::string name;
  std::function<void()> given;
  std::string path;
  std::string words;
};
std::ostream& operator<<(std::ostream& out, const RefusedCase& row) { return out << row.name; }

class RefusedScript : public ::testing::TestWithParam<RefusedCase> {};

TEST_P(RefusedScript, WithOneClearLineBeforeAnythingRuns) {
  fs::remove_all(kFolder);
  fs::create_directories(kFolder);
  GetParam().given();
  const auto script = read_script_files(GetParam().path);
  ASSERT_FALSE(script.has_value());
  EXPECT_EQ(script.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(script.error().message(), HasSubstr(GetParam().words));
  EXPECT_EQ(script.error().message().find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    ScriptFiles, RefusedScript,
    ::testing::Values(
        RefusedCase{"Missing", [] {}, "/run/nosuch", "read script target /run/nosuch: there is no such file or folder"},
        RefusedCase{"NoName", [] {}, "", "it names no script"},
        RefusedCase{"EnvironmentIsAFolder",
                    [] {
                      write("setup.sh", "#!/bin/bash\n");
                      fs::create_directories(std::string(kFolder) + "/env.sh");
                    },
                    kFolder, "env.sh: it is no regular file"},
        RefusedCase{"SetupIsAFolder", [] { fs::create_directories(std::string(kFolder) + "/setup.sh"); }, kFolder,
                    "setup.sh: it is no regular file; a script that can be executed"},
        RefusedCase{"TeardownIsAFifo",
                    [] {
                      write("setup.sh", "#!/bin/bash\n");
                      ASSERT_EQ(::mkfifo((std::string(kFolder) + "/teardown.sh").c_str(), 0755), 0);
                    },
                    kFolder, "teardown.sh: it is no regular file; a script that can be executed"},
        RefusedCase{"EmptyFolder", [] {}, kFolder, "the folder has no setup.sh"},
        RefusedCase{"Device", [] {}, "/dev/null", "neither a file nor a folder"},
        RefusedCase{"NotExecutable", [] { write("setup.sh", "#!/bin/bash\n", 0644); }, kFolder,
                    "/run/script-files/setup.sh: it is not executable; chmod +x /run/script-files/setup.sh"},
        RefusedCase{"TeardownNotExecutable",
                    [] {
                      write("setup.sh", "#!/bin/bash\n");
                      write("teardown.sh", "#!/bin/bash\n", 0644);
                    },
                    kFolder, "teardown.sh: it is not executable"},
        RefusedCase{"Empty", [] { write("setup.sh", ""); }, kFolder, "it is empty"},
        RefusedCase{"BadEnv",
                    [] {
                      write("setup.sh", "#!/bin/bash\n");
                      write("env.sh", "CON=$(id)\n");
                    },
                    kFolder, "/run/script-files/env.sh:1: bash would expand or run something in \"CON=$(id)\""},
        RefusedCase{"TooManyFiles",
                    [] {
                      write("setup.sh", "#!/bin/bash\n");
                      for (std::size_t i = 0; i < kMostScriptFiles; ++i) write("f" + std::to_string(i), "x");
                    },
                    kFolder, "more than 256 files"},
        RefusedCase{"TooLarge",
                    [] {
                      write("setup.sh", "#!/bin/bash\n");
                      write("large", "x");
                      fs::resize_file(kFolder / "large", kMostScriptBytes + 1);
                    },
                    kFolder, "large has 16777217 bytes"},
        RefusedCase{"TooDeep",
                    [] {
                      write("setup.sh", "#!/bin/bash\n");
                      write("a/b/c/d/e/f", "x");
                    },
                    kFolder, "more than 4 folders deep"},
        RefusedCase{"LoopOfLinks", [] { fs::create_symlink("loop", kFolder / "loop"); }, kFolder / "loop",
                    "Too many levels of symbolic links"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace netns_lab
