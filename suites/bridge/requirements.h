// The catalogue of part 2: every claim that bridge_test.cc judges.
#pragma once

#include <string>
#include <vector>

#include "harness/model/verdict.h"
#include "suites/common/catalogue.h"

namespace netns_lab::bridge {

// What can be seen of a node on which the network stands, and that there is nothing else; for every scenario that has
// such nodes.
std::vector<Requirement> what_stands(const suites::Catalogue& of);

// How the bridge and its ports are set: "port-settings" and "bridge-settings", which rest on the claims that these are
// there.
std::vector<Requirement> settings(const suites::Catalogue& of, const std::string& bridge, const std::string& ports,
                                  bool may_be_hairpins);

std::vector<Requirement> requirements();

}  // namespace netns_lab::bridge
