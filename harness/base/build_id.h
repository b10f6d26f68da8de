// Which build this binary is: the GNU build-id note that the linker wrote into it (ld --build-id). Two binaries with
// the same id are the same build; tester and agent compare it, so that they never talk past each other.
#pragma once

#include <string>

namespace netns_lab {

// Lower-case hex of the running binary's build id. Without such a note (ld --build-id=none): "no-build-id".
// Takes no lock: a child that was forked while other threads ran may ask, too.
std::string build_id();

}  // namespace netns_lab
