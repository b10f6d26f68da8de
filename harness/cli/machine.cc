#include "harness/cli/machine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "harness/base/build_id.h"
#include "harness/base/text.h"
#include "harness/cli/output.h"
#include "harness/lab/named_lab.h"
#include "harness/lab/qemu/acceleration.h"
#include "harness/lab/qemu/door.h"
#include "harness/lab/qemu/guest_files.h"
#include "harness/lab/qemu/machine.h"
#include "harness/lab/qemu/relay.h"
#include "harness/node/sandbox_guard.h"
#include "harness/node/sandbox_status.h"
#include "harness/protocol/guest.h"

namespace netns_lab::cli {
namespace {

constexpr std::chrono::seconds kStartLimit{110};  // longer than all attempts may take
constexpr std::chrono::seconds kEndLimit{10};

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path != nullptr ? path : qemu::QemuSpec().path;
}

Result<qemu::MachineSpec> machine_spec(const qemu::KernelImage& kernel) {
  NETNS_LAB_ASSIGN(const qemu::FileTree files, qemu::guest_files(fmt::format("/proc/{}/exe", ::getpid()), kernel));
  qemu::MachineSpec machine;
  machine.qemu.path = search_path();
  machine.qemu.kernel = kernel.path;
  machine.qemu.init = protocol::kGuestProgram;
  machine.qemu.init_arguments = "agent --init";
  machine.greeting = build_id();
  machine.accelerations = qemu::accelerations_to_try(qemu::kvm_opens(), qemu::KvmFailure::of_user().remembered());
  machine.on_refusal = [](qemu::Acceleration acceleration, const Error& why) {
    if (acceleration == qemu::Acceleration::kKvm) qemu::KvmFailure::of_user().remember();
    say(acceleration == qemu::Acceleration::kKvm
            ? fmt::format("warning: KVM does not work here, going on without it: {}", why.message())
            : fmt::format("warning: it is started once more: {}", why.message()));
  };
  NETNS_LAB_ASSIGN(machine.archive, files.archive());
  return machine;
}

// Whether whoever started the machine still wants it, now that it is ready.
bool is_wanted(const node::GuardFacts& facts) {
  std::array<pollfd, 2> waits = {{{facts.status, POLLIN, 0}, {facts.caller, POLLIN, 0}}};
  while (::poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
  }
  char byte = 0;
  return ::recv(facts.status, &byte, 1, MSG_DONTWAIT) == 1;
}

int keep_machine(qemu::MachineSpec spec, qemu::RelaySockets sockets, const node::GuardFacts& facts) {
  ::signal(SIGPIPE, SIG_IGN);
  constexpr rlimit kNoCore = {.rlim_cur = 0, .rlim_max = 0};  // a QEMU that cannot use KVM may abort
  ::setrlimit(RLIMIT_CORE, &kNoCore);
  std::vector<int> interrupts = {facts.status};
  if (facts.caller >= 0) interrupts.push_back(facts.caller);
  auto machine = qemu::Machine::boot(std::move(spec), interrupts);
  if (!machine) {
    node::report_error(facts.status, machine.error());
    return 1;
  }
  node::report_ready(facts.status);
  if (!is_wanted(facts)) return 1;
  ::close(facts.status);
  if (facts.caller >= 0) sockets.ends = {facts.caller};
  // From now on these sockets name this process as their listener (named_lab.h, listener_of).
  for (const auto& listener : sockets.listeners) ::listen(listener.socket.get(), 64);
  const auto kept = relay(*machine, std::move(sockets));
  if (!kept) say(kept.error().message());
  return kept ? 0 : 1;
}

struct Launch {
  node::LabLife life = node::LabLife::kCallers;
  qemu::MachineSpec machine;
  qemu::RelaySockets sockets;
  int log = -1;
  std::vector<int> keep;
  Deadline deadline = Deadline::never();
};

Result<void> launch(Launch what) {
  node::GuardLaunch launch;
  launch.life = what.life;
  launch.log = what.log;
  launch.keep = what.keep;
  launch.keep.push_back(what.machine.console);
  for (const auto& listener : what.sockets.listeners) launch.keep.push_back(listener.socket.get());
  for (const UniqueFd& door : what.sockets.doors) launch.keep.push_back(door.get());
  launch.keep.push_back(what.sockets.door_listener.get());
  launch.deadline = Deadline::after(kStartLimit).sooner_of(what.deadline);
  launch.guard = [&what](const node::GuardFacts& facts) {
    return keep_machine(std::move(what.machine), std::move(what.sockets), facts);
  };
  return node::launch_guard(launch);
}

void pass_on_log(const std::string& path) {
  std::ifstream log(path);
  for (std::string line; std::getline(log, line);) std::fprintf(stderr, "%s\n", visible(line).c_str());
}

}  // namespace

Result<qemu::KernelImage> look_for_machine_parts(const LabSpec& spec) {
  qemu::QemuSpec qemu;
  qemu.path = search_path();
  NETNS_LAB_TRY(qemu::check_program(qemu));
  return qemu::find_kernel(spec.kernel);
}

Result<RunMachine> RunMachine::start(const LabSpec& spec, Deadline deadline) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return tl::unexpected(Error::system("create a door to a virtual machine", errno));
  }
  UniqueFd door(ends[0]);
  Launch what;
  what.sockets.doors.emplace_back(ends[1]);
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return tl::unexpected(Error::system("create a pipe", errno));
  UniqueFd life(ends[0]);
  const UniqueFd keepers_life(ends[1]);
  what.keep = {keepers_life.get()};
  what.log = STDERR_FILENO;
  what.deadline = deadline;
  NETNS_LAB_ASSIGN(const qemu::KernelImage kernel, look_for_machine_parts(spec));
  NETNS_LAB_ASSIGN(what.machine, machine_spec(kernel));
  NETNS_LAB_TRY(launch(std::move(what)));
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
  Launch what;
  what.life = node::LabLife::kItsOwn;
  what.log = log.get();
  NETNS_LAB_ASSIGN(const qemu::KernelImage kernel, look_for_machine_parts(spec));
  NETNS_LAB_ASSIGN(what.machine, machine_spec(kernel));
  what.machine.console = console.get();
  for (const auto& [name, label] :
       {std::pair(kNodeSocket, protocol::kStandingNode), std::pair(kOutsideSocket, protocol::kStandingOutside)}) {
    NETNS_LAB_ASSIGN(UniqueFd socket, listen_at(folder + "/" + name));
    what.sockets.listeners.push_back({.socket = std::move(socket), .label = label});
  }
  NETNS_LAB_ASSIGN(what.sockets.door_listener, listen_at(folder + "/" + kDoorSocket));
  auto launched = launch(std::move(what));
  pass_on_log(folder + "/" + kLogFile);
  return launched;
}

Result<AgentStreams> open_lab_in(const UniqueFd& door) {
  std::uint64_t key = 0;
  if (::getrandom(&key, sizeof key, 0) != sizeof key) {
    return tl::unexpected(Error::system("choose a key for a lab", errno));
  }
  AgentStreams streams;
  NETNS_LAB_ASSIGN(streams.node, qemu::open_stream(door, fmt::format("{}{:016x}", protocol::kPrivateNode, key)));
  NETNS_LAB_ASSIGN(streams.outside, qemu::open_stream(door, fmt::format("{}{:016x}", protocol::kPrivateOutside, key)));
  return streams;
}

}  // namespace netns_lab::cli
