// The adversary of the suites: every copy of a target that is wrong in one way must be killed (`netns-lab qualify`):
// it takes hold, and fails by the requirement that names that way, in words that say why; every script that is right,
// however it is written, must be found conformant. fixtures/README.md tells how to add one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "harness/cli/command_under_test.h"

namespace netns_lab::cli {
namespace {

using nlohmann::json;

struct Row {
  std::string scenario;
  std::string name;
  std::string breaks;  // the requirement that must fail; "" for a right script
  std::string how;
  std::filesystem::path folder;
};

std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name << ": " << row.how; }

// Every scenario that somebody has broken.
std::vector<std::string> scenarios() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(CommandUnderTest::fixture("broken"))) {
    if (entry.is_directory()) names.insert(entry.path().filename());
  }
  return {names.begin(), names.end()};
}

std::vector<Row> broken_rows() {
  std::vector<Row> rows;
  for (const std::string& scenario : scenarios()) {
    const std::filesystem::path folder = CommandUnderTest::fixture("broken/" + scenario);
    std::ifstream table(folder / "broken.json");
    for (const json& row : json::parse(table))
      rows.push_back({scenario, row.at("name"), row.at("breaks"), row.at("how"), folder / std::string(row.at("name"))});
  }
  return rows;
}

std::vector<Row> right_rows() {
  std::vector<Row> rows;
  for (const std::string& scenario : scenarios()) {
    const std::filesystem::path right = std::filesystem::path(CommandUnderTest::fixture("right")) / scenario;
    std::error_code none;  // of a scenario with the shipped script alone
    for (const auto& entry : std::filesystem::directory_iterator(right, none)) {
      if (entry.is_directory()) rows.push_back({scenario, entry.path().filename(), "", "a right script", entry.path()});
    }
    rows.push_back({scenario, "shipped", "", "the shipped script", CommandUnderTest::fixture("scenarios/" + scenario)});
  }
  return rows;
}

struct Judged {
  int status = -1;
  std::map<std::string, std::string> verdicts;  // requirement -> verdict
  std::string text;                             // everything, for a failure's message
};

Judged judge(const Row& row, const std::vector<std::string>& options = {}) {
  CommandUnderTest command;
  std::vector<std::string> words = {
      "test", row.scenario, "--json", "--timeout", "5", "--target", "script:" + row.folder.string()};
  words.insert(words.end(), options.begin(), options.end());
  const Ran ran = command.run(words);
  Judged judged;
  judged.status = ran.status;
  judged.text = ran.output + ran.errors;
  const json document = json::parse(ran.output, nullptr, false);
  if (document.is_discarded()) return judged;
  for (const json& worker : document.at("workers")) {
    for (const json& requirement : worker.at("requirements")) {
      if (requirement.at("verdict").is_string()) judged.verdicts[requirement.at("id")] = requirement.at("verdict");
    }
  }
  return judged;
}

class BrokenTarget : public testing::TestWithParam<Row> {};

TEST_P(BrokenTarget, IsKilled) {
  CommandUnderTest command;
  std::vector<std::string> words = {"qualify", GetParam().scenario + "/" + GetParam().name};
  // One that never ends is waited for in full, more than once.
  if (GetParam().name == "hangs") words.insert(words.end(), {"--timeout", "5"});
  const Ran ran = command.run(words);
  EXPECT_EQ(ran.status, 0) << ran;
}

class RightTarget : public testing::TestWithParam<Row> {};

TEST_P(RightTarget, IsConformant) {
  const Judged judged = judge(GetParam(), {"--no-skip"});
  EXPECT_EQ(judged.status, 0) << judged.text;
  EXPECT_GT(judged.verdicts.size(), 20U);
  for (const auto& [id, verdict] : judged.verdicts) EXPECT_EQ(verdict, "pass") << id;
}

class Scenarios : public testing::TestWithParam<std::string> {};

TEST_P(Scenarios, HaveABrokenTargetForEveryRequirement) {
  CommandUnderTest command;
  const Ran ran = command.run({"list", "requirements", "--json"});
  ASSERT_EQ(ran.status, 0) << ran;
  std::set<std::string> broken;
  for (const Row& row : broken_rows()) {
    if (row.scenario == GetParam()) broken.insert(row.breaks);
  }
  std::set<std::string> catalogue;
  for (const json& requirement : json::parse(ran.output)) {
    const std::string id = requirement.at("id");
    if (id.rfind(GetParam() + ".", 0) == 0) catalogue.insert(id);
  }
  ASSERT_FALSE(catalogue.empty());
  EXPECT_EQ(broken, catalogue) << "each requirement needs a broken copy that fails by it, and each copy a requirement";
}

std::string plain(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
std::string name_of(const testing::TestParamInfo<Row>& info) {
  return plain(info.param.scenario + "_" + info.param.name);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Scenarios, testing::ValuesIn(scenarios()),
                         [](const auto& row) { return plain(row.param); });
INSTANTIATE_TEST_SUITE_P(Fixtures, BrokenTarget, testing::ValuesIn(broken_rows()), name_of);
INSTANTIATE_TEST_SUITE_P(Fixtures, RightTarget, testing::ValuesIn(right_rows()), name_of);

}  // namespace
}  // namespace netns_lab::cli
