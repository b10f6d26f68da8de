#include "harness/fake_multipass/guest.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "harness/base/socket_pair.h"
#include "harness/fake_multipass/exec_stream.h"
#include "harness/fake_multipass/network.h"
#include "harness/node/guest_boot.h"
#include "harness/node/sandbox_process.h"
#include "harness/protocol/channels.h"

namespace netns_lab::fake_multipass {
namespace {

void say(const std::string& text) { std::fprintf(stderr, "fake multipass: %s\n", text.c_str()); }

Result<void> furnish_from(const std::string& disk) {
  for (const char* folder : {"/opt", "/home", "/root", "/var"}) {
    const std::string kept = disk + folder;
    ::mkdir(kept.c_str(), 0755);
    if (::mount(kept.c_str(), folder, nullptr, MS_BIND, nullptr) != 0) {
      return tl::unexpected(Error::system(fmt::format("bind {} to {}", kept, folder), errno));
    }
  }
  ::mkdir("/home/ubuntu", 0755);
  return {};
}

UniqueFd start_command() {
  auto ends = socket_pair(SOCK_STREAM, "create a command's stream");
  if (!ends) return {};
  auto& [ours, served] = *ends;
  const pid_t pid = ::fork();
  if (pid == 0) {
    node::close_all_but({served.get()});  // of the other channels, too: their ends must be seen
    serve_command(std::move(served));
    ::_exit(0);
  }
  return pid > 0 ? std::move(ours) : UniqueFd();
}

UniqueFd watch_children() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  return UniqueFd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
}

Result<void> serve(UniqueFd port) {
  const UniqueFd signals = watch_children();
  bool ends = false;
  protocol::ChannelTrunk trunk(std::move(port), protocol::ChannelTrunk::Side::kAccepts,
                               [&ends](const std::string& label) {
                                 ends = ends || label == kPowerOffLabel;
                                 return label == kRunLabel ? start_command() : UniqueFd();
                               });
  while (!ends) {
    std::vector<pollfd> waits = {{.fd = signals.get(), .events = POLLIN, .revents = 0}};
    trunk.watch(waits);
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    signalfd_siginfo taken;
    while (::read(signals.get(), &taken, sizeof taken) > 0) {
    }
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    NETNS_LAB_TRY(trunk.work(waits));
  }
  return {};
}

}  // namespace

int run_guest(const std::string& address) {
  std::string disk;
  const auto lived = node::boot_guest().and_then([&disk, &address](node::BootedGuest guest) -> Result<void> {
    disk = guest.disk;
    NETNS_LAB_TRY(furnish_from(disk));
    NETNS_LAB_TRY(join_network(address));
    return serve(std::move(guest.port));
  });
  if (!lived) say(lived.error().message());
  for (const char* folder : {"/opt", "/home", "/root", "/var"}) ::umount2(folder, MNT_DETACH);
  node::power_off_guest(disk);
  return 1;
}

}  // namespace netns_lab::fake_multipass
