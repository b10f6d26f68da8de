// The catalogue of the published port: every claim that port_mapping_test.cc judges.
#pragma once

#include <vector>

#include "harness/model/verdict.h"

namespace netns_lab::port_mapping {

std::vector<Requirement> requirements();

}  // namespace netns_lab::port_mapping
