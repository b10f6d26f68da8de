// The catalogue of part 2: every claim that bridge_test.cc judges.
#pragma once

#include <vector>

#include "harness/model/verdict.h"
#include "suites/common/catalogue.h"

namespace netns_lab::bridge {

// What can be seen of a node on which the network stands, and that there is nothing else; for every scenario that has
// such nodes.
std::vector<Requirement> what_stands(const suites::Catalogue& of);

std::vector<Requirement> requirements();

}  // namespace netns_lab::bridge
