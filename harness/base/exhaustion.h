// "There is no room for more": a lack of the machine, which is never blamed on what is under test.
#pragma once

namespace netns_lab {

// Whether a system call failed for want of memory, descriptors, processes, space or namespaces (ENOMEM, EMFILE, ENFILE,
// EAGAIN of fork, ENOSPC of a quota of namespaces, EUSERS).
bool is_exhaustion(int system_errno);

}  // namespace netns_lab
