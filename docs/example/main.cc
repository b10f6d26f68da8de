#include "harness/cli/main.h"

namespace netns_lab::two_bridges {
Scenario scenario();
}

int main(int argc, char** argv) {
  return netns_lab::run_command_line(argc, argv, {netns_lab::two_bridges::scenario()});
}
