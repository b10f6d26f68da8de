// `sudo` on a node, where everybody is root already: a script that runs its arguments as they are, at /usr/bin/sudo.
#pragma once

#include <string>

#include "harness/base/error.h"

namespace netns_lab::node {

// Understands -E -n -H -S -k -b's absence, -u root, -g root, their long forms, NAME=value, --, and -i or -s (a shell).
// Another user, or an option it does not know, is an error with status 1, as sudo's own.
extern const char* const kSudoScript;

// Puts it at /usr/bin/sudo, which is read-only by now, over the real one if there is one. `scratch`: a folder on a
// tmpfs of ours.
Result<void> install_sudo(const std::string& scratch);

}  // namespace netns_lab::node
