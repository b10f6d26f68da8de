// The fake `multipass` command: the sub-commands that netns-lab uses, in the documented words and exit statuses (0; 1
// the command line; 2 the command failed; 5 a time-out).
#pragma once

#include <string>
#include <vector>

#include "harness/fake_multipass/instances.h"

namespace netns_lab::fake_multipass {

// `words`: the sub-command and what follows it. Its exit status.
int run_client(const Home& home, const std::vector<std::string>& words);

}  // namespace netns_lab::fake_multipass
