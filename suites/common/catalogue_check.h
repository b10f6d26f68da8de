// For the unit tests of scenarios: is a catalogue whole?
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "harness/model/verdict.h"

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

}  // namespace netns_lab::suites
