// The catalogue of part 2 at scale: every claim that bridge_scale_test.cc judges.
#pragma once

#include <vector>

#include "harness/model/verdict.h"

namespace netns_lab::bridge_scale {

std::vector<Requirement> requirements();

}  // namespace netns_lab::bridge_scale
