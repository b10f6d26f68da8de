#include "harness/lab/qemu/command_line.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "harness/base/text.h"
#include "harness/protocol/guest.h"

namespace netns_lab::qemu {
namespace {

// Documentation/admin-guide/kernel-parameters.txt.
// What the kernel says while it boots is the only evidence of a boot that failed, and costs next to nothing; once it is
// up the first process makes it say less (harness/node/guest_init.cc).
// panic=-1 with -no-reboot: a kernel that panics ends QEMU, and whoever waits sees it at once. Without hardware
// acceleration a second of the boot goes by in self-tests of ciphers, in mitigations of an emulated processor's faults
// and in security modules; none of them changes what a network does.
constexpr auto kKernelLine =
    "console=ttyS0 loglevel=7 panic=-1 cryptomgr.notests mitigations=off lsm= tsc=reliable no_timer_check";
// Where a string instruction is emulated it moves a byte at a time: a processor that does not say that it has quick
// ones (CPUID 7: ERMS, FSRM) is given copying by words, by the kernel and by the C library. Half a second of a boot.
constexpr auto kEmulatedProcessor = "max,erms=off,fsrm=off";
constexpr unsigned kLeastMemory = 256;      // MiB: what is in it takes a third of that
constexpr unsigned kMostMemory = 1u << 20;  // MiB

}  // namespace

std::string mac_of(const Wire& wire) {
  if (!wire.mac.empty()) return wire.mac;
  return fmt::format("{}{:02x}:{:02x}", protocol::kWireMac, wire.own, wire.peer);
}

std::string to_string(Acceleration acceleration) {
  return acceleration == Acceleration::kKvm ? "KVM" : "TCG (no hardware acceleration)";
}

Result<unsigned> parse_memory(const std::string& text) {
  if (text.empty()) return QemuSpec().memory_mib;
  const std::string attempted = fmt::format("--memory {}", visible(text, 80));
  unsigned number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const bool is_gib = unit == "G";
  if (problem != std::errc() || (!is_gib && unit != "M") || number > kMostMemory) {
    return tl::unexpected(
        Error::invalid(attempted, "it is no size", "a number and M or G: --memory 512M, --memory 2G"));
  }
  const unsigned mib = is_gib ? number << 10 : number;
  if (mib >= kLeastMemory && mib <= kMostMemory) return mib;
  return tl::unexpected(Error::invalid(
      attempted, fmt::format("a virtual machine of ours has between {}M and {}M", kLeastMemory, kMostMemory)));
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
                  spec.acceleration == Acceleration::kKvm ? "max" : kEmulatedProcessor,
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
  for (std::size_t i = 0; i < spec.wires.size(); ++i) {
    // A stream of frames, each behind its length (net/socket.c): nothing is lost on the way.
    command.argv.insert(
        command.argv.end(),
        {"-netdev", fmt::format("socket,id=wire{},fd={}", i, kFirstWireDescriptor + static_cast<int>(i)), "-device",
         fmt::format("virtio-net-pci,netdev=wire{},mac={},romfile=", i, mac_of(spec.wires[i]))});
  }
  if (spec.has_disk) {
    // An error of the file is the guest's to hear of: by itself QEMU stops the machine when there is no room (werror).
    // It is not written through to this machine's disk, which may take a minute when that is busy, and the boot would
    // wait for it: what the guest has written outlives QEMU, if not a crash of this machine.
    const std::string drive = fmt::format("file=/proc/self/fd/{},format=raw,if=none,id=disk,cache=unsafe",
                                          kFirstWireDescriptor + static_cast<int>(spec.wires.size()));
    command.argv.insert(command.argv.end(),
                        {"-drive", drive, "-device", "virtio-blk-pci,drive=disk,werror=report,rerror=report"});
  }
  command.environment = {{"PATH", spec.path}, {"LC_ALL", "C"}};
  command.output_limit = 64 << 10;
  return command;
}

}  // namespace netns_lab::qemu
