// What a machine says on its console, as evidence: its last lines, and what among them tells why it went wrong.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace netns_lab::qemu {

// The last bytes of a file, at most `most`, and none before `from`; "" when it cannot be read.
std::string end_of_file(int file, std::size_t most, std::size_t from = 0);

// The last lines of a console's log, control characters made visible, on one line; "" when it said nothing.
inline constexpr std::size_t kTailLines = 8;
std::string console_tail(std::string_view log, std::size_t lines = kTailLines);

// What the kernel said of its own end, or of somebody's for want of memory ("its kernel panicked: …"); "" nothing of
// the kind. The first panic; the last want of memory.
std::string console_cause(std::string_view log);
// A process of the machine was ended for want of memory (mm/oom_kill.c), in the kernel's words; "" none was.
std::string out_of_memory(std::string_view log);

}  // namespace netns_lab::qemu
