#include "harness/lab/qemu/command_line.h"

#include <fmt/format.h>

namespace netns_lab::qemu {
namespace {

// Documentation/admin-guide/kernel-parameters.txt.
// panic=-1 with -no-reboot: a kernel that panics ends QEMU, and whoever waits sees it at once. Without hardware
// acceleration a second of the boot goes by in self-tests of ciphers, in mitigations of an emulated processor's faults
// and in security modules; none of them changes what a network does.
constexpr auto kKernelLine =
    "console=ttyS0 quiet loglevel=4 panic=-1 cryptomgr.notests mitigations=off lsm= tsc=reliable no_timer_check";

}  // namespace

std::string to_string(Acceleration acceleration) {
  return acceleration == Acceleration::kKvm ? "KVM" : "TCG (no hardware acceleration)";
}

process::Command qemu_command(const QemuSpec& spec) {
  process::Command command;
  const std::string kernel_line = fmt::format("{} rdinit={} -- {}", kKernelLine, spec.init, spec.init_arguments);
  command.argv = {spec.program,
                  "-nodefaults",
                  "-no-user-config",
                  "-no-reboot",
                  "-display",
                  "none",
                  "-machine",
                  "q35",
                  "-accel",
                  spec.acceleration == Acceleration::kKvm ? "kvm" : "tcg",
                  "-cpu",
                  "max",
                  "-smp",
                  fmt::format("{}", spec.processors),
                  "-m",
                  fmt::format("{}", spec.memory_mib),
                  "-kernel",
                  spec.kernel,
                  "-initrd",
                  fmt::format("/proc/self/fd/{}", kArchiveDescriptor),
                  "-append",
                  kernel_line,
                  "-chardev",
                  fmt::format("file,id=console,path=/proc/self/fd/{},append=on", kConsoleDescriptor),
                  "-serial",
                  "chardev:console",
                  "-chardev",
                  fmt::format("socket,id=port,fd={}", kPortDescriptor),
                  "-device",
                  "virtio-serial-pci,max_ports=2",
                  "-device",
                  "virtserialport,chardev=port,name=netns-lab"};
  command.environment = {{"PATH", spec.path}, {"LC_ALL", "C"}};
  command.output_limit = 64 << 10;
  return command;
}

}  // namespace netns_lab::qemu
