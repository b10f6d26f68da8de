// The catalogue of part 4: every claim that overlay_test.cc judges.
#pragma once

#include <vector>

#include "harness/model/verdict.h"

namespace netns_lab::overlay {

std::vector<Requirement> requirements();

}  // namespace netns_lab::overlay
