#include "reports/run_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "harness/model/samples.h"

namespace netns_lab::reports {
namespace {

nlohmann::json document(const std::vector<RunEvent>& events) {
  RunResult run;
  for (const RunEvent& event : events) run.add(event);
  return nlohmann::json::parse(run_json(run));
}

TEST(RunJson, HoldsTheVerdictTheCountsAndEachRequirement) {
  const nlohmann::json json = document(samples::run());
  EXPECT_EQ(json.at("status"), 1);
  EXPECT_EQ(json.at("verdict"), "not conformant");
  EXPECT_EQ(json.at("duration_us"), 40'000);
  EXPECT_EQ(json.at("counts").at("failed"), 1);
  const nlohmann::json& worker = json.at("workers").at(0);
  EXPECT_EQ(worker.at("target"), "native");
  EXPECT_EQ(worker.at("status"), 1);
  EXPECT_EQ(worker.at("parameters").at("CON"), "netns1");
  const nlohmann::json& requirement = worker.at("requirements").at(0);
  EXPECT_EQ(requirement.at("id"), "single-namespace.host-route");
  EXPECT_EQ(requirement.at("verdict"), "fail");
  EXPECT_EQ(requirement.at("cases"), nlohmann::json({"SingleNamespace.HostRouteExists"}));
  EXPECT_EQ(worker.at("cases").at(0).at("verdict"), "fail");
  EXPECT_TRUE(worker.at("cases").at(0).at("duration_us").is_number()) << "a duration tells its unit";
}
TEST(RunJson, RunThatNeverEndedSaysSo) {
  std::vector<RunEvent> events = samples::run();
  events.resize(3);
  const nlohmann::json json = document(events);
  EXPECT_EQ(json.at("message"), "the run never ended");
  EXPECT_EQ(json.at("status"), 4);
  EXPECT_EQ(json.at("workers").at(0).at("not_finished"), nlohmann::json({"SingleNamespace.HostRouteExists"}));
  EXPECT_TRUE(json.at("workers").at(0).at("requirements").at(0).at("verdict").is_null());
}

}  // namespace
}  // namespace netns_lab::reports
