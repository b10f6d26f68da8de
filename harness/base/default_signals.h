// Signals as a program expects them at its start.
#pragma once

namespace netns_lab {

// Every signal's action is the default and none is blocked, for this process and what it executes. Async-signal-safe
// (signal-safety(7)): may be called between fork and exec.
void reset_signals_to_default();

}  // namespace netns_lab
