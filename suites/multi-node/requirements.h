// The catalogue of part 3: every claim that multi_node_test.cc judges.
#pragma once

#include <string>
#include <vector>

#include "harness/model/verdict.h"
#include "suites/common/catalogue.h"

namespace netns_lab::multi_node {

// Of scenarios of two nodes with the bridge of part 2 each: what stands there, that there is nothing else, and what
// works on each of them alone.
std::vector<Requirement> what_stands_on_each_node(const suites::Catalogue& of, const std::string& tutorial);

std::vector<Requirement> requirements();

}  // namespace netns_lab::multi_node
