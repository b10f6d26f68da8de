// The catalogue of part 3: every claim that multi_node_test.cc judges.
#pragma once

#include <vector>

#include "harness/model/verdict.h"

namespace netns_lab::multi_node {

std::vector<Requirement> requirements();

}  // namespace netns_lab::multi_node
