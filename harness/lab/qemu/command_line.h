// How QEMU is started, as data.
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/process/command.h"

namespace netns_lab::qemu {

enum class Acceleration { kKvm, kTcg };
std::string to_string(Acceleration acceleration);  // "KVM", "TCG (no hardware acceleration)"

// The descriptors it is given, as it has them: nothing of a machine has a name that anybody could reach, or leave
// behind.
inline constexpr int kPortDescriptor = 3;       // a connected unix socket: the far end of the guest's port
inline constexpr int kConsoleDescriptor = 4;    // a file: what the kernel and the first process have to say
inline constexpr int kArchiveDescriptor = 5;    // a file: the initramfs
inline constexpr int kFirstWireDescriptor = 6;  // and those behind it: connected unix stream sockets, see Wire
// Behind the wires, where the machine has a disk: a file.

// A network device of a machine, and the socket that is its wire: another machine has the other end of it. Nothing else
// can be at the end of a connected socket, so no packet leaves. The machines are numbered as the nodes in them are.
struct Wire {
  int own = 1;
  int peer = 2;
  std::string mac{};  // of a device that leads to no machine of a lab; "": as those do
};
// What the first process knows the device by (harness/protocol/guest.h).
std::string mac_of(const Wire& wire);

struct QemuSpec {
  std::string program = "qemu-system-x86_64";
  std::string path = "/usr/bin:/bin";  // where the program is looked for
  std::string kernel;                  // a file
  Acceleration acceleration = Acceleration::kTcg;
  unsigned processors = 2;
  unsigned memory_mib = 512;
  std::vector<Wire> wires{};   // to other machines of the same lab
  std::string init;            // path of the first process in the machine
  std::string init_arguments;  // separated by blanks
  bool has_disk = false;
};

// "512M", "2G" as MiB; "" is the default. kInvalid for what is no size, and for less than a machine of ours can be in.
Result<unsigned> parse_memory(const std::string& text);

// No display, no monitor, no disk but one that is given, and no network device but the wires: the port is the only way
// in or out.
process::Command qemu_command(const QemuSpec& spec);

}  // namespace netns_lab::qemu
