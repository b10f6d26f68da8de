// `netns-lab` as a function, so that a project of its own can link it with its own suites.
//
//   int main(int argc, char** argv) { return netns_lab::run_command_line(argc, argv, {my_suite::scenario()}); }
#pragma once

#include <vector>

#include "harness/model/scenario.h"

namespace netns_lab {

int run_command_line(int argc, char** argv, const std::vector<Scenario>& scenarios);

}  // namespace netns_lab
