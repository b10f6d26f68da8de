// `netns-lab qualify` as a user runs it, on a few faults of a folder of the test's own and of the shipped ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/cli/command_under_test.h"

namespace netns_lab::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class Qualify : public ::testing::Test {
 protected:
  // fixtures/ with one fault, whose table says `row`.
  std::string fixtures(const json& row) {
    namespace fs = std::filesystem;
    const fs::path root = fs::path(command_.folder()) / "fixtures";
    fs::create_directories(root / "broken/single-namespace");
    fs::create_directories(root / "scenarios");
    fs::copy(CommandUnderTest::fixture("scenarios/single-namespace"), root / "scenarios/single-namespace",
             fs::copy_options::recursive);
    for (const char* name : {"right.sh", "env.sh", "teardown.sh"})
      fs::copy(CommandUnderTest::fixture("broken/single-namespace/") + name, root / "broken/single-namespace" / name);
    fs::copy(CommandUnderTest::fixture("broken/single-namespace/leftover-file"),
             root / "broken/single-namespace/leftover-file", fs::copy_options::recursive);
    std::ofstream(root / "broken/single-namespace/broken.json") << json::array({row}).dump();
    return root;
  }
  json row() const {
    return {{"name", "leftover-file"},
            {"breaks", "single-namespace.no-other-files"},
            {"how", "a file is left in /tmp"},
            {"took_hold", "new file on the node: /tmp/"},
            {"words", {"/tmp/"}},
            {"also", {"single-namespace.tear-down"}}};
  }
  Ran qualify(const json& row, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"qualify", "--fixtures", fixtures(row)};
    words.insert(words.end(), more.begin(), more.end());
    return command_.run(words);
  }
  CommandUnderTest& command() { return command_; }

 private:
  CommandUnderTest command_;
};

TEST_F(Qualify, AFaultThatIsKilledIsAHundredPercent) {
  const Ran ran = qualify(row());
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.output, HasSubstr("single-namespace: 1 of 1 faults killed (100 %)"));
  EXPECT_THAT(command().report("qualify.md"), HasSubstr("| leftover-file |"));
  const json document = json::parse(command().report("qualify.json"));
  EXPECT_EQ(document.at("faults")[0].at("killed"), true);
  EXPECT_FALSE(command().report("record.jsonl").empty());
}

TEST_F(Qualify, AFaultThatDidNotTakeHoldIsTold) {
  json wrong = row();
  wrong["took_hold"] = "link veth1";
  const Ran ran = qualify(wrong, {"--json"});
  EXPECT_EQ(ran.status, 1) << ran;
  const json fault = json::parse(ran.output).at("faults")[0];
  EXPECT_EQ(fault.at("killed"), false);
  EXPECT_EQ(fault.at("took_hold").at("seen"), false);
  EXPECT_THAT(fault.at("complaints")[0].get<std::string>(), HasSubstr("did not take hold"));
}

TEST_F(Qualify, AnotherRequirementThanTheOneNamedIsAnEscape) {
  json wrong = row();
  wrong["breaks"] = "single-namespace.udp";
  const Ran ran = qualify(wrong);
  EXPECT_EQ(ran.status, 1) << ran;
  EXPECT_THAT(ran.output, HasSubstr("ESCAPED"));
  EXPECT_THAT(ran.output, HasSubstr("failed without being broken: single-namespace.no-other-files"));
}

TEST_F(Qualify, OneShippedFaultCanBeAskedFor) {
  const Ran ran = command().run({"qualify", "bridge/pairs-crossed"});
  EXPECT_EQ(ran.status, 0) << ran;
  EXPECT_THAT(ran.output, HasSubstr("bridge: 1 of 1"));
}

TEST_F(Qualify, BadInputIsOneLine) {
  const Ran unknown = command().run({"qualify", "bridge/pairs-crosed"});
  EXPECT_EQ(unknown.status, 2) << unknown;
  EXPECT_THAT(unknown.errors, HasSubstr("did you mean bridge/pairs-crossed?"));
  const Ran nowhere = command().run({"qualify", "--fixtures", "/nowhere"});
  EXPECT_EQ(nowhere.status, 2) << nowhere;
  json wrong = row();
  wrong["breaks"] = "single-namespace.nosuch";
  const Ran no_requirement = qualify(wrong);
  EXPECT_EQ(no_requirement.status, 2) << no_requirement;
  EXPECT_THAT(no_requirement.errors, HasSubstr("single-namespace.nosuch"));
}

TEST_F(Qualify, ATableThatIsNoTableIsToldWithItsPath) {
  const Ran ran = qualify(json("nonsense"));
  EXPECT_EQ(ran.status, 2) << ran;
  EXPECT_THAT(ran.errors, HasSubstr("broken.json"));
}

}  // namespace
}  // namespace netns_lab::cli
