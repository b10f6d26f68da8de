// The direct children of this process, asked of the kernel.
//
// Only direct children: their identifiers cannot be given to another process before we have waited for them.
#pragma once

#include <sys/types.h>

namespace netns_lab::process {

// Calls `visit(child, context)` for each. Async-signal-safe (no allocation, no locks): it also runs between fork and
// exec. Uses /proc where that shows our PID namespace; elsewhere (a /proc of the machine in a sandbox) asks waitid(2)
// about every possible number, 0.1 µs each.
void for_each_child(void (*visit)(pid_t child, void* context), void* context);

// The command line of a child, its words joined by blanks; false when /proc does not tell (another PID namespace's, or
// it has just ended). As safe as for_each_child. `text` must hold `size` bytes and one more.
bool read_command_line(pid_t child, char* text, unsigned size);

}  // namespace netns_lab::process
