#include "harness/fake_multipass/daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "harness/base/build_id.h"
#include "harness/base/deadline.h"
#include "harness/base/default_signals.h"
#include "harness/fake_multipass/guest.h"
#include "harness/fake_multipass/network.h"
#include "harness/lab/named_lab.h"
#include "harness/lab/qemu/acceleration.h"
#include "harness/lab/qemu/machine.h"
#include "harness/lab/qemu/relay.h"
#include "harness/node/sandbox_process.h"

namespace netns_lab::fake_multipass {
namespace {

UniqueFd open_for(const Instance& instance, const char* name, int how) {
  return UniqueFd(::open(instance.file(name).c_str(), how | O_CLOEXEC, 0600));
}

void note(const Instance& instance, const Error& why) {
  const UniqueFd log = open_for(instance, "log", O_WRONLY | O_CREAT | O_APPEND);
  ::dprintf(log.get(), "%s\n", why.message().c_str());
}

// Locked for as long as somebody keeps the instance's machine.
Result<UniqueFd> lock(const Instance& instance) {
  UniqueFd disk = open_for(instance, kDisk, O_RDWR);
  if (disk.valid() && ::flock(disk.get(), LOCK_EX | LOCK_NB) == 0) return disk;
  return tl::unexpected(Error::system("lock the disk of " + instance.name(), errno));
}

Result<qemu::Machine> boot_machine(const Home& home, const Instance& instance, const UniqueFd& disk,
                                   const UniqueFd& console) {
  NETNS_LAB_ASSIGN(const qemu::KernelImage kernel, qemu::find_kernel(""));
  qemu::MachineSpec spec;
  NETNS_LAB_ASSIGN(spec.archive, guest_image(fmt::format("/proc/{}/exe", ::getpid()), kernel));
  NETNS_LAB_ASSIGN(spec.qemu.memory_mib, qemu::parse_memory(instance.read("memory")));
  const int processors = std::atoi(instance.read("cpus").c_str());
  if (processors > 0) spec.qemu.processors = static_cast<unsigned>(processors);
  spec.qemu.kernel = kernel.path;
  spec.qemu.init = "/usr/lib/netns-lab/netns-lab";
  spec.qemu.init_arguments = fmt::format("guest {}/24", address_of(instance));
  NETNS_LAB_ASSIGN(const UniqueFd cable, connect_to(home.network_socket()));
  spec.qemu.wires = {{.mac = mac_of(instance)}};
  spec.wires = {cable.get()};
  spec.greeting = build_id();
  spec.accelerations = qemu::accelerations_to_try(qemu::kvm_opens(), qemu::KvmFailure::of_user().remembered());
  spec.on_refusal = [](qemu::Acceleration, const Error&) { qemu::KvmFailure::of_user().remember(); };
  spec.console = console.get();
  spec.disk = disk.get();
  return qemu::Machine::boot(std::move(spec), {});
}

// `client` waits for the greeting, which is the end of its connection.
Result<void> keep(const Home& home, const Instance& instance, UniqueFd& client) {
  NETNS_LAB_ASSIGN(const UniqueFd disk, lock(instance));
  instance.forget(kRunning);
  instance.forget(kDoor);
  qemu::RelaySockets sockets;
  NETNS_LAB_ASSIGN(sockets.door_listener, listen_at(instance.file(kDoor)));
  const UniqueFd console = open_for(instance, "console", O_RDWR | O_CREAT | O_APPEND);
  NETNS_LAB_ASSIGN(qemu::Machine machine, boot_machine(home, instance, disk, console));
  instance.write(kRunning, "");
  client.reset();
  auto kept = qemu::relay(machine, sockets);
  // Before whoever waits for the end learns of it: the folder may be removed then.
  if (!kept) note(instance, kept.error());
  instance.forget(kRunning);
  return kept;
}

// The life of a keeper; it ends with the daemon, and its machine with it.
int keep_instance(const Home& home, UniqueFd client, node::LifeLine& daemons_life) {
  node::die_with_parent(daemons_life);
  reset_signals_to_default();
  ::signal(SIGPIPE, SIG_IGN);
  node::close_all_but({client.get()});
  std::array<char, 256> request{};
  const ssize_t got = ::recv(client.get(), request.data(), request.size() - 1, 0);
  if (got <= 1) return 1;
  const Instance instance(home, std::string(request.data(), static_cast<std::size_t>(got) - 1));
  const auto kept = keep(home, instance, client);
  if (!kept) {
    const std::string why = kept.error().message();
    if (client.valid()) {
      note(instance, kept.error());
      ::send(client.get(), why.data(), why.size(), MSG_NOSIGNAL);
    }
  }
  return kept ? 0 : 1;
}

}  // namespace

int run_daemon(const Home& home) {
  // Without a parent's care: nobody waits for the keepers.
  ::signal(SIGCHLD, SIG_IGN);
  constexpr rlimit kNoCore = {.rlim_cur = 0, .rlim_max = 0};  // a QEMU that cannot use KVM may abort
  ::setrlimit(RLIMIT_CORE, &kNoCore);
  if (!connect_to(home.daemon_socket())) ::unlink(home.daemon_socket().c_str());
  const auto listener = listen_at(home.daemon_socket());
  if (!listener) {
    std::fprintf(stderr, "fake multipassd: %s\n", listener.error().message().c_str());
    return 1;
  }
  auto life = node::LifeLine::create();
  const auto network = listen_for_machines(home);
  if (!life || !network) return 1;
  if (::fork() == 0) {
    node::die_with_parent(*life);
    node::close_all_but({network->get()});
    repeat_frames(*network);
  }
  std::printf("fake multipassd: instances are in %s; they end with this process\n", home.file("instances").c_str());
  std::fflush(stdout);
  while (true) {
    UniqueFd client(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client.valid() && ::fork() == 0) ::_exit(keep_instance(home, std::move(client), *life));
  }
}

bool daemon_answers(const Home& home) { return connect_to(home.daemon_socket()).has_value(); }

Result<void> boot(const Home& home, const Instance& instance, std::chrono::milliseconds patience) {
  const Deadline deadline = Deadline::after(patience);
  const std::string attempted = "boot " + instance.name();
  NETNS_LAB_ASSIGN(const UniqueFd daemon, connect_to(home.daemon_socket()));
  const std::string request = instance.name() + "\n";
  ::send(daemon.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string said;
  while (true) {
    pollfd wait{.fd = daemon.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, deadline.poll_timeout());
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return tl::unexpected(Error::timeout(attempted, "it has not said hello"));
    std::array<char, 4096> buffer;
    const ssize_t got = ::recv(daemon.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
      said.append(buffer.data(), static_cast<std::size_t>(got));
      continue;
    }
    if (said.empty() && instance.state() == State::kRunning) return {};
    return tl::unexpected(Error::lost(attempted, said.empty() ? "its keeper ended" : said));
  }
}

}  // namespace netns_lab::fake_multipass
