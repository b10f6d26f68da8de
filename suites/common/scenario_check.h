// For the unit tests of scenarios: is a catalogue whole, and is a wrong parameter refused?
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "harness/model/scenario.h"

namespace netns_lab::suites {

// Ids are the scenario's and unique, nothing is left empty, and each rests on earlier ones only.
inline void check_catalogue(const std::string& scenario, const std::vector<Requirement>& requirements) {
  std::set<std::string> seen;
  ASSERT_FALSE(requirements.empty());
  for (const auto& requirement : requirements) {
    EXPECT_THAT(requirement.id, ::testing::StartsWith(scenario + "."));
    EXPECT_FALSE(requirement.text.empty()) << requirement.id;
    EXPECT_FALSE(requirement.source.empty()) << requirement.id;
    EXPECT_FALSE(requirement.why.empty()) << requirement.id;
    for (const auto& other : requirement.rests_on)
      EXPECT_TRUE(seen.contains(other)) << requirement.id << " rests on " << other;
    EXPECT_TRUE(seen.insert(requirement.id).second) << requirement.id << " is there twice";
  }
}

inline Parameters defaults_of(const Scenario& scenario) {
  Parameters parameters;
  for (const auto& parameter : scenario.parameters) parameters[parameter.name] = parameter.default_value;
  return parameters;
}

struct RefusedRow {
  const char* name;
  const char* parameter;
  std::string value;
  Family family;
  const char* says;
};
inline void PrintTo(const RefusedRow& row, std::ostream* out) { *out << row.parameter << "=" << row.value; }
inline std::string name_of(const ::testing::TestParamInfo<RefusedRow>& info) { return info.param.name; }

// With that one value instead of the default the scenario is kInvalid, and says so in one line.
inline void check_refused(const Scenario& scenario, const RefusedRow& row) {
  Parameters parameters = defaults_of(scenario);
  parameters[row.parameter] = row.value;
  const auto topology = scenario.topology(parameters, row.family);
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(topology.error().message(),
              ::testing::AllOf(::testing::HasSubstr(row.parameter), ::testing::HasSubstr(row.says)));
  EXPECT_EQ(topology.error().message().find('\n'), std::string::npos);
}

}  // namespace netns_lab::suites
