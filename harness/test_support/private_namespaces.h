// Moves the calling process, which must have one thread, into throw-away user, network, mount, UTS and IPC namespaces
// with a private /run.
#pragma once

#include <string>

namespace netns_lab::test_support {

// Set to 1: real root stays what it is, and has no user namespace of its own. For tests of what the kernel tells to it
// alone; they touch nothing that has no namespace.
inline constexpr auto kStayRoot = "NETNS_LAB_TEST_AS_ROOT";

// "" when it worked, else why not and what to do.
std::string enter_private_namespaces();

}  // namespace netns_lab::test_support
