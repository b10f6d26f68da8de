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
#include "harness/base/socket_pair.h"
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

// What joins the machines of a lab: a wire for frames from the first to each of the others.
class Wiring {
 public:
  static Result<Wiring> create(int machines) {
    Wiring wiring;
    for (int number = 2; number <= machines; ++number) {
      NETNS_LAB_ASSIGN(auto wire, socket_pair(SOCK_STREAM, "create a wire between virtual machines"));
      wiring.wires_.push_back(std::move(wire));
    }
    return wiring;
  }
  void put_into(qemu::MachineSpec& machine, KeeperLaunch& what, int number) const {
    const auto use = [&](int peer, int end) {
      machine.qemu.wires.push_back({.own = number, .peer = peer});
      machine.wires.push_back(end);
      what.keep.push_back(end);
    };
    for (std::size_t i = 0; i < wires_.size(); ++i) {
      const int peer = static_cast<int>(i) + 2;
      if (number == 1) use(peer, wires_[i].first.get());
      if (number == peer) use(1, wires_[i].second.get());
    }
  }

 private:
  std::vector<std::pair<UniqueFd, UniqueFd>> wires_;
};

}  // namespace

Result<qemu::KernelImage> look_for_machine_parts(const LabSpec& spec) {
  qemu::QemuSpec qemu;
  qemu.path = search_path();
  NETNS_LAB_TRY(qemu::check_program(qemu));
  return qemu::find_kernel(spec.kernel);
}

Result<RunMachines> RunMachines::start(const LabSpec& spec, const MachineWitness& witness, Deadline deadline) {
  NETNS_LAB_ASSIGN(const qemu::KernelImage kernel, look_for_machine_parts(spec));
  NETNS_LAB_ASSIGN(const Wiring wiring, Wiring::create(spec.nodes));
  RunMachines machines;
  machines.kernel_ = kernel.release;
  std::vector<KeeperLaunch> launches;
  std::vector<UniqueFd> keepers_lives;
  for (int number = 1; number <= spec.nodes; ++number) {
    const auto index = static_cast<std::size_t>(number) - 1;
    NETNS_LAB_ASSIGN(auto door, socket_pair(SOCK_STREAM, "create a door to a virtual machine"));
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return tl::unexpected(Error::system("create a pipe", errno));
    machines.lives_.emplace_back(ends[0]);
    keepers_lives.emplace_back(ends[1]);
    machines.doors_.push_back(std::move(door.first));
    KeeperLaunch what;
    what.sockets.doors.push_back(std::move(door.second));
    what.keep = {keepers_lives.back().get(), witness.console(index)};
    what.last_words = witness.last_words(index);
    what.log = STDERR_FILENO;
    what.deadline = deadline;
    NETNS_LAB_ASSIGN(qemu::MachineSpec machine, machine_spec(kernel, spec.instance));
    machine.console = witness.console(index);
    wiring.put_into(machine, what, number);
    what.boot = booting(std::move(machine));
    launches.push_back(std::move(what));
  }
  NETNS_LAB_TRY(launch_keepers(std::move(launches)));
  return machines;
}

RunMachines::~RunMachines() {
  for (const UniqueFd& door : doors_) ::shutdown(door.get(), SHUT_RDWR);
  const Deadline deadline = Deadline::after(kEndLimit);
  for (const UniqueFd& life : lives_) {
    pollfd ended{.fd = life.get(), .events = POLLIN, .revents = 0};
    while (::poll(&ended, 1, deadline.poll_timeout()) < 0 && errno == EINTR) {
    }
  }
}

Result<void> start_standing_machines(const LabSpec& spec, const std::string& folder) {
  const auto open_file = [&folder](const std::string& name, int how) -> Result<UniqueFd> {
    const std::string path = folder + "/" + name;
    UniqueFd file(::open(path.c_str(), how | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.valid()) return file;
    return tl::unexpected(Error::system("write " + path, errno));
  };
  NETNS_LAB_ASSIGN(const qemu::KernelImage kernel, look_for_machine_parts(spec));
  NETNS_LAB_ASSIGN(const Wiring wiring, Wiring::create(spec.nodes));
  NETNS_LAB_ASSIGN(const KeeperTies ties, KeeperTies::create(spec.nodes));
  NETNS_LAB_ASSIGN(const UniqueFd log, open_file(kLogFile, O_WRONLY));
  NETNS_LAB_ASSIGN(const std::optional<qemu::StateDisk> disk, open_state_disk(spec.instance, folder));
  std::vector<KeeperLaunch> launches;
  std::vector<UniqueFd> files;
  for (int number = 1; number <= spec.nodes; ++number) {
    NETNS_LAB_ASSIGN(UniqueFd console, open_file(of_machine(kConsoleFile, number), O_RDWR));
    NETNS_LAB_ASSIGN(UniqueFd last_words, last_words_file(folder, number));
    KeeperLaunch what;
    what.life = node::LabLife::kItsOwn;
    what.log = log.get();
    what.last_words = last_words.get();
    const bool has_disk = disk && number == 1;
    NETNS_LAB_ASSIGN(qemu::MachineSpec machine,
                     machine_spec(kernel, spec.instance, has_disk ? protocol::kStateFolder : ""));
    machine.console = console.get();
    what.keep = {console.get()};
    if (has_disk) machine.disk = what.keep.emplace_back(disk->fd());
    wiring.put_into(machine, what, number);
    ties.put_into(what, number);
    what.boot = booting(std::move(machine));
    NETNS_LAB_ASSIGN(what.sockets,
                     standing_sockets(folder, number, spec.nodes, spec.underlay.value_or(Underlay::kOneSegment)));
    launches.push_back(std::move(what));
    files.push_back(std::move(console));
    files.push_back(std::move(last_words));
  }
  auto launched = launch_keepers(std::move(launches));
  pass_on_log(folder + "/" + kLogFile);
  return launched;
}

Result<AgentStreams> open_lab_in(const std::vector<UniqueFd>& doors, const LabSpec& spec) {
  std::uint64_t key = 0;
  if (::getrandom(&key, sizeof key, 0) != sizeof key) {
    return tl::unexpected(Error::system("choose a key for a lab", errno));
  }
  const auto open = [&doors, key](int number, const std::string& label) {
    return qemu::open_stream(doors.at(static_cast<std::size_t>(number) - 1), fmt::format("{}{:016x}", label, key));
  };
  const bool is_spread = doors.size() > 1 && spec.nodes > 1;
  if (is_spread && doors.size() < static_cast<std::size_t>(spec.nodes)) {
    return tl::unexpected(Error::missing(fmt::format("a lab of {} nodes", spec.nodes),
                                         fmt::format("there are {} machines for them", doors.size())));
  }
  const bool is_routed = spec.underlay == Underlay::kRouted;
  const int vlan = protocol::kFirstPrivateVlan + spec.segment % protocol::kMostPrivateVlans;
  AgentStreams streams;
  for (int number = 1; number <= spec.nodes; ++number) {
    UniqueFd stream;
    if (is_spread) {
      NETNS_LAB_ASSIGN(
          stream,
          open(number, fmt::format("{}{} {} {} ", is_routed ? protocol::kPrivateRoutedPart : protocol::kPrivatePart,
                                   number, spec.nodes, vlan)));
    } else if (number > 1) {
      NETNS_LAB_ASSIGN(stream, open(1, fmt::format("{}{} ", protocol::kPrivateFurther, number)));
    } else if (spec.nodes > 1) {
      NETNS_LAB_ASSIGN(
          stream,
          open(1, fmt::format("{}{} ", is_routed ? protocol::kPrivateRouted : protocol::kPrivateNodes, spec.nodes)));
    } else {
      NETNS_LAB_ASSIGN(stream, open(1, protocol::kPrivateNode));
    }
    if (number == 1) {
      streams.node = std::move(stream);
    } else {
      streams.more_nodes.push_back(std::move(stream));
    }
  }
  NETNS_LAB_ASSIGN(streams.outside, open(1, protocol::kPrivateOutside));
  return streams;
}

}  // namespace netns_lab::cli
