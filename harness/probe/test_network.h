// For tests and benchmarks of this folder only: named namespaces and veth pairs, made with ip(8), and the socket
// factory that enters them.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/unique_fd.h"
#include "harness/model/address.h"
#include "harness/probe/socket_factory.h"

extern char** environ;

namespace netns_lab::probe {

// Runs a program and waits for it; returns its exit status.
inline int run_program(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  if (::posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return 127;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// `ip` with these words ("link set veth1 up"); throws when it fails: a test cannot go on then.
inline void ip(const std::string& words) {
  std::vector<std::string> arguments{"ip"};
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    if (end > at) arguments.push_back(words.substr(at, end - at));
    at = end + 1;
  }
  if (run_program(arguments) != 0) throw std::runtime_error("failed: ip " + words);
}

// Runs `work` in the named namespace ("" stays here) and comes back.
template <typename Work>
auto in_namespace(const std::string& name, Work work) {
  const UniqueFd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!name.empty()) {
    const UniqueFd away(::open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
    if (!away.valid() || ::setns(away.get(), CLONE_NEWNET) != 0) throw std::runtime_error("cannot enter " + name);
  }
  auto result = work();
  if (!name.empty() && ::setns(home.get(), CLONE_NEWNET) != 0) throw std::runtime_error("cannot come back");
  return result;
}

inline Result<UniqueFd> test_socket(const std::string& network_namespace, int domain, int type, int protocol) {
  if (!network_namespace.empty() && ::access(("/run/netns/" + network_namespace).c_str(), F_OK) != 0) {
    return tl::unexpected(Error::system(fmt::format("open namespace '{}'", network_namespace), ENOENT));
  }
  return in_namespace(network_namespace, [&]() -> Result<UniqueFd> {
    UniqueFd socket(::socket(domain, type | SOCK_CLOEXEC, protocol));
    if (!socket.valid()) return tl::unexpected(Error::system("create a socket", errno));
    return socket;
  });
}

// A namespace that is deleted with its owner.
class TestNamespace {
 public:
  explicit TestNamespace(std::string name) : name_(std::move(name)) {
    ip("netns add " + name_);
    ip("-n " + name_ + " link set lo up");
  }
  TestNamespace(const TestNamespace&) = delete;
  TestNamespace& operator=(const TestNamespace&) = delete;
  ~TestNamespace() {
    if (::access(("/run/netns/" + name_).c_str(), F_OK) == 0) run_program({"ip", "netns", "del", name_});
  }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

// What part 1 of the tutorial builds, with an address for the host: near(10.0.0.1, fd00::1) on `left`, far(10.0.0.2,
// fd00::2) on `right`.
struct TestPair {
  static constexpr auto kNear = "10.0.0.1";
  static constexpr auto kFar = "10.0.0.2";
  static constexpr auto kNear6 = "fd00::1";
  static constexpr auto kFar6 = "fd00::2";

  TestNamespace near{"near"};
  TestNamespace far{"far"};
  explicit TestPair(unsigned mtu = 1500) {
    // Different indexes: where both ends have the same, the kernel takes up to a second to call the link operational
    // (net/core/link_watch.c, linkwatch_urgent_event).
    ip(fmt::format("link add left index 10 netns near mtu {0} type veth peer name right index 20 netns far mtu {0}",
                   mtu));
    for (const char* name : {"near", "far"}) {
      in_namespace(name, [] {
        write("/proc/sys/net/ipv6/conf/all/accept_dad", "0");
        return write("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
      });
    }
    ip("-n near addr add 10.0.0.1/24 dev left");
    ip("-n far addr add 10.0.0.2/24 dev right");
    ip("-n near addr add fd00::1/64 dev left nodad");
    ip("-n far addr add fd00::2/64 dev right nodad");
    ip("-n near link set left up");
    ip("-n far link set right up");
    await_running("near", "left");
    await_running("far", "right");
    await_address("near", "fd000000000000000000000000000001");
    await_address("far", "fd000000000000000000000000000002");
  }
  // The kernel says UP a moment after carrier is there; what is sent before that is thrown away.
  static void await_running(const std::string& name, const char* link) {
    const auto socket = test_socket(name, AF_INET, SOCK_DGRAM, 0);
    ifreq request{};
    std::strncpy(request.ifr_name, link, IFNAMSIZ - 1);
    for (const Deadline deadline = Deadline::after(std::chrono::seconds(5)); !deadline.passed(); ::sched_yield()) {
      if (::ioctl(socket->get(), SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) != 0) return;
    }
    throw std::runtime_error(std::string("link ") + link + " does not come up");
  }
  // An IPv6 address is tentative, and nobody is told who has it, until a moment after that (addrconf_notify,
  // net/ipv6/addrconf.c): it then has its route in table local.
  static void await_address(const std::string& name, const std::string& digits) {
    constexpr std::uint64_t kLocal = 0x80000000;  // RTF_LOCAL, linux/ipv6_route.h
    const auto is_in_use = [&digits] {
      std::ifstream routes("/proc/thread-self/net/ipv6_route");
      for (std::string line; std::getline(routes, line);) {
        std::istringstream words(line);
        const std::vector<std::string> word{std::istream_iterator<std::string>(words), {}};
        if (word.size() > 8 && word[0] == digits && (std::stoull(word[8], nullptr, 16) & kLocal) != 0) return true;
      }
      return false;
    };
    for (const Deadline deadline = Deadline::after(std::chrono::seconds(5)); !deadline.passed(); ::sched_yield()) {
      if (in_namespace(name, is_in_use)) return;
    }
    throw std::runtime_error("address " + digits + " does not come into use in " + name);
  }
  static bool write(const std::string& path, const std::string& text) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return file.valid() && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
};

inline IpAddress address(const std::string& text) { return IpAddress::parse(text).value(); }

}  // namespace netns_lab::probe
