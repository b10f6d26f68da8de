#include "harness/cli/machine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "harness/base/build_id.h"
#include "harness/base/text.h"
#include "harness/cli/machine_keeper.h"
#include "harness/cli/output.h"
#include "harness/lab/named_lab.h"
#include "harness/lab/qemu/acceleration.h"
#include "harness/lab/qemu/door.h"
#include "harness/lab/qemu/guest_files.h"
#include "harness/lab/qemu/machine.h"
#include "harness/lab/qemu/state_disk.h"
#include "harness/protocol/guest.h"

namespace netns_lab::cli {
namespace {

constexpr std::chrono::seconds kEndLimit{10};

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : qemu::QemuSpec().path;
}

Result<qemu::MachineSpec> machine_spec(const qemu::KernelImage& kernel, const InstanceChoice& choice,
                                       const std::string& disk = "") {
  NETNS_LAB_ASSIGN(const qemu::FileTree files,
                   qemu::guest_files(fmt::format("/proc/{}/exe", ::getpid()), kernel, disk));
  qemu::MachineSpec machine;
  machine.qemu.path = search_path();
  machine.qemu.kernel = kernel.path;
  NETNS_LAB_ASSIGN(machine.qemu.memory_mib, qemu::parse_memory(choice.memory));
  if (choice.processors > 0) machine.qemu.processors = static_cast<unsigned>(choice.processors);
  machine.qemu.init = protocol::kGuestProgram;
  machine.qemu.init_arguments = "agent --init";
  machine.greeting = build_id();
  machine.accelerations = qemu::accelerations_to_try(qemu::kvm_opens(), qemu::KvmFailure::of_user().remembered());
  machine.on_refusal = [](qemu::Acceleration acceleration, const Error& why) {
    if (acceleration == qemu::Acceleration::kKvm) qemu::KvmFailure::of_user().remember();
    say(fmt::format("warning: {} does not work here, going on without it: {}", to_string(acceleration), why.message()));
  };
  NETNS_LAB_ASSIGN(machine.archive, files.archive());
  return machine;
}

// Which one is noted in the lab's folder. None where none was asked for.
Result<std::optional<qemu::StateDisk>> open_state_disk(const InstanceChoice& choice, const std::string& folder) {
  if (choice.state_disk.empty()) return std::nullopt;
  qemu::StateDiskSpec spec;
  spec.path = choice.state_disk;
  spec.program_path += ":" + search_path();
  NETNS_LAB_ASSIGN(spec.size, qemu::parse_disk(choice.disk));
  NETNS_LAB_ASSIGN(qemu::StateDisk disk, qemu::StateDisk::open(spec));
  if (disk.is_new()) say(fmt::format("{}: a new state disk of {} MiB", visible(disk.path(), 200), spec.size >> 20));
  if (!disk.is_new() && !choice.disk.empty()) {
    say(fmt::format("{} was there before: --disk does not change it", visible(disk.path(), 200)));
  }
  std::ofstream note(folder + "/" + kStateDiskFile);
  note << disk.path();
  note.close();
  if (note) return disk;
  return tl::unexpected(Error::system(fmt::format("write {}/{}", folder, kStateDiskFile), errno));
}

// Booted in the keeper.
auto booting(qemu::MachineSpec spec) {
  return
      [spec = std::move(spec)](std::span<const int> interrupts) mutable -> Result<std::unique_ptr<qemu::KeptMachine>> {
        NETNS_LAB_ASSIGN(qemu::Machine machine, qemu::Machine::boot(std::move(spec), interrupts));
        return std::make_unique<qemu::Machine>(std::move(machine));
      };
}

}  // namespace

Result<qemu::KernelImage> look_for_machine_parts(const LabSpec& spec) {
  qemu::QemuSpec qemu;
  qemu.path = search_path();
  NETNS_LAB_TRY(qemu::check_program(qemu));
  return qemu::find_kernel(spec.kernel);
}

Result<RunMachine> RunMachine::start(const LabSpec& spec, const MachineWitness& witness, Deadline deadline) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return tl::unexpected(Error::system("create a door to a virtual machine", errno));
  }
  UniqueFd door(ends[0]);
  KeeperLaunch what;
  what.sockets.doors.emplace_back(ends[1]);
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return tl::unexpected(Error::system("create a pipe", errno));
  UniqueFd life(ends[0]);
  const UniqueFd keepers_life(ends[1]);
  what.keep = {keepers_life.get(), witness.console()};
  what.last_words = witness.last_words();
  what.log = STDERR_FILENO;
  what.deadline = deadline;
  NETNS_LAB_ASSIGN(const qemu::KernelImage kernel, look_for_machine_parts(spec));
  NETNS_LAB_ASSIGN(qemu::MachineSpec machine, machine_spec(kernel, spec.instance));
  machine.console = witness.console();
  what.boot = booting(std::move(machine));
  NETNS_LAB_TRY(launch_keeper(std::move(what)));
  return RunMachine(std::move(door), std::move(life), kernel.release);
}

RunMachine::~RunMachine() {
  if (!door_.valid()) return;
  ::shutdown(door_.get(), SHUT_RDWR);
  pollfd ended{.fd = life_.get(), .events = POLLIN, .revents = 0};
  const Deadline deadline = Deadline::after(kEndLimit);
  while (::poll(&ended, 1, deadline.poll_timeout()) < 0 && errno == EINTR) {
  }
}

Result<void> start_standing_machine(const LabSpec& spec, const std::string& folder) {
  const auto open_file = [&folder](const char* name, int how) -> Result<UniqueFd> {
    const std::string path = folder + "/" + name;
    UniqueFd file(::open(path.c_str(), how | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.valid()) return file;
    return tl::unexpected(Error::system("write " + path, errno));
  };
  NETNS_LAB_ASSIGN(const UniqueFd log, open_file(kLogFile, O_WRONLY));
  NETNS_LAB_ASSIGN(const UniqueFd console, open_file(kConsoleFile, O_RDWR));
  NETNS_LAB_ASSIGN(const UniqueFd last_words, last_words_file(folder));
  KeeperLaunch what;
  what.life = node::LabLife::kItsOwn;
  what.log = log.get();
  what.last_words = last_words.get();
  NETNS_LAB_ASSIGN(const qemu::KernelImage kernel, look_for_machine_parts(spec));
  NETNS_LAB_ASSIGN(const std::optional<qemu::StateDisk> disk, open_state_disk(spec.instance, folder));
  NETNS_LAB_ASSIGN(qemu::MachineSpec machine, machine_spec(kernel, spec.instance, disk ? protocol::kStateFolder : ""));
  machine.console = console.get();
  what.keep = {console.get()};
  if (disk) machine.disk = what.keep.emplace_back(disk->fd());
  what.boot = booting(std::move(machine));
  NETNS_LAB_ASSIGN(what.sockets, standing_sockets(folder));
  auto launched = launch_keeper(std::move(what));
  pass_on_log(folder + "/" + kLogFile);
  return launched;
}

Result<AgentStreams> open_lab_in(const UniqueFd& door, int nodes) {
  std::uint64_t key = 0;
  if (::getrandom(&key, sizeof key, 0) != sizeof key) {
    return tl::unexpected(Error::system("choose a key for a lab", errno));
  }
  AgentStreams streams;
  const std::string first =
      nodes == 1 ? std::string(protocol::kPrivateNode) : fmt::format("{}{} ", protocol::kPrivateNodes, nodes);
  NETNS_LAB_ASSIGN(streams.node, qemu::open_stream(door, fmt::format("{}{:016x}", first, key)));
  for (int number = 2; number <= nodes; ++number) {
    NETNS_LAB_ASSIGN(UniqueFd further,
                     qemu::open_stream(door, fmt::format("{}{} {:016x}", protocol::kPrivateFurther, number, key)));
    streams.more_nodes.push_back(std::move(further));
  }
  NETNS_LAB_ASSIGN(streams.outside, qemu::open_stream(door, fmt::format("{}{:016x}", protocol::kPrivateOutside, key)));
  return streams;
}

}  // namespace netns_lab::cli
