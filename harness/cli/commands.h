// The commands of `netns-lab`: each takes what the command line said, prints its result on standard output, and returns
// the exit status.
#pragma once

#include <vector>

#include "harness/cli/arguments.h"
#include "harness/model/scenario.h"

namespace netns_lab::cli {

ExitStatus run_doctor(const Arguments& arguments);

// Named labs (lab_commands.cc).
ExitStatus run_up(const Arguments& arguments);
ExitStatus run_destroy(const Arguments& arguments);
ExitStatus run_list_labs(const Arguments& arguments);

// On the node of a named lab (node_commands.cc). shell and exec pass the command's own exit status on: 128 + N when
// signal N ended it.
int run_shell(const Arguments& arguments);
int run_exec(const Arguments& arguments);
ExitStatus run_snapshot(const Arguments& arguments);
ExitStatus run_diagnose(const Arguments& arguments);  // diagnose_command.cc

// What there is (list_commands.cc).
ExitStatus run_list_scenarios(const Arguments& arguments, const std::vector<Scenario>& scenarios);
ExitStatus run_list_targets(const Arguments& arguments);
ExitStatus run_list_requirements(const Arguments& arguments, const std::vector<Scenario>& scenarios);
ExitStatus run_explain(const Arguments& arguments, const std::vector<Scenario>& scenarios);

// Building and judging.
ExitStatus run_build(const Arguments& arguments, const std::vector<Scenario>& scenarios);  // `run` (run_command.cc)
ExitStatus run_test(const Arguments& arguments, const std::vector<std::string>& command,
                    const std::vector<Scenario>& scenarios);

// Judging the suites by broken targets (qualify_command.cc).
ExitStatus run_qualify(const Arguments& arguments, const std::vector<Scenario>& scenarios);

// Files of earlier runs (file_commands.cc).
ExitStatus run_diff(const Arguments& arguments);
ExitStatus run_report(const Arguments& arguments);

}  // namespace netns_lab::cli
