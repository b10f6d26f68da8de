// The catalogue of part 2: every claim that bridge_test.cc and traffic_test.cc judge.
#pragma once

#include <vector>

#include "harness/model/verdict.h"

namespace netns_lab::bridge {

std::vector<Requirement> requirements();

}  // namespace netns_lab::bridge
