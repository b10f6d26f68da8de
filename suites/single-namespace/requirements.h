// The catalogue of part 1: every claim that single_namespace_test.cc judges.
#pragma once

#include <vector>

#include "harness/model/verdict.h"

namespace netns_lab::single_namespace {

std::vector<Requirement> requirements();

}  // namespace netns_lab::single_namespace
