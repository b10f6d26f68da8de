// What must hold of egress.
#pragma once

#include <vector>

#include "harness/model/verdict.h"

namespace netns_lab::egress {

std::vector<Requirement> requirements();

}  // namespace netns_lab::egress
