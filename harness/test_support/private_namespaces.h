// Moves the calling process, which must have one thread, into throw-away user, network, mount and UTS namespaces with a
// private /run.
#pragma once

#include <string>

namespace netns_lab::test_support {

// "" when it worked, else why not and what to do.
std::string enter_private_namespaces();

}  // namespace netns_lab::test_support
