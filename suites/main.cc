// The command `netns-lab`: the command line with the suites of this repository. A new suite is one line here and one in
// CMakeLists.txt.
#include "harness/cli/main.h"

#include "suites/bridge/scenario.h"
#include "suites/multi-node/scenario.h"
#include "suites/overlay/scenario.h"
#include "suites/single-namespace/scenario.h"

int main(int argc, char** argv) {
  return netns_lab::run_command_line(argc, argv,
                                     {netns_lab::single_namespace::scenario(), netns_lab::bridge::scenario(),
                                      netns_lab::multi_node::scenario(), netns_lab::overlay::scenario()});
}
