#include "harness/node/capabilities.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/net_tstamp.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <sstream>
#include <utility>

#include "harness/base/deadline.h"
#include "harness/netlink/link.h"
#include "harness/node/capabilities_child.h"
#include "harness/node/isolation_mount.h"
#include "harness/node/sandbox.h"
#include "harness/node/sandbox_refusal.h"

namespace netns_lab::node {
namespace {

using netlink::NetlinkSocket;
using std::chrono::seconds;

// One thing to try, in a child process and in namespaces of its own.
struct Probe {
  const char* name;
  bool required;
  const char* needed_for;
  int namespaces;  // CLONE_NEW*, besides those of the user; 0: none at all, not even a user namespace
  std::function<Result<std::string>()> attempt;  // what was seen, in words
  const char* remedy;                            // "" : the error's own
};

Result<std::string> create_link_of_kind(const char* kind) {
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kRoute));
  NETNS_LAB_TRY(socket.execute(netlink::create_link("probe0", kind)));
  return fmt::format("a {} was created", kind);
}

Result<std::string> create_vxlan() {
  // A VXLAN needs an id (IFLA_VXLAN_ID, linux/if_link.h); without one the kernel says EINVAL where it knows the kind,
  // EOPNOTSUPP where it does not.
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kRoute));
  const auto made = socket.execute(netlink::create_link("probe0", "vxlan"));
  if (!made && made.error().system_errno != EINVAL) return tl::unexpected(made.error());
  return "the kernel knows the kind vxlan";
}

Result<std::string> create_veth_pair() {
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kRoute));
  netlink::VethSpec pair;
  pair.name = "probe0";
  pair.peer_name = "probe1";
  NETNS_LAB_TRY(socket.execute(netlink::create_veth(pair)));
  return "a pair was created";
}

Result<std::string> nest_network_namespaces() {
  constexpr int kWanted = 8;
  for (int made = 0; made < kWanted; ++made) {
    if (::unshare(CLONE_NEWNET) != 0)
      return tl::unexpected(Error::system(fmt::format("create network namespace {} of {}", made + 1, kWanted), errno));
  }
  return fmt::format("{} were created", kWanted);
}

Result<std::string> open_socket(int domain, int type, int protocol, const char* what) {
  const UniqueFd socket(::socket(domain, type | SOCK_CLOEXEC, protocol));
  if (!socket.valid()) return tl::unexpected(Error::system(fmt::format("open {}", what), errno));
  const int stamps = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps) != 0) {
    return tl::unexpected(Error::system(fmt::format("ask for the kernel's time stamps on {}", what), errno));
  }
  return fmt::format("{} with kernel time stamps was opened", what);
}

Result<std::string> mount_overlay() {
  NETNS_LAB_TRY(make_mounts_private());
  NETNS_LAB_TRY(mount_file_system("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"));
  ::mkdir("/run/upper", 0755);
  ::mkdir("/run/work", 0755);
  NETNS_LAB_TRY(mount_file_system("overlay", "/etc", MS_NOSUID | MS_NODEV,
                                  "lowerdir=/etc,upperdir=/run/upper,workdir=/run/work,userxattr"));
  const UniqueFd file(::open("/etc/netns-lab-probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) return tl::unexpected(Error::system("write a file in an overlay of /etc", errno));
  return "an overlay of /etc was mounted and written";
}

Result<std::string> mount_fresh_proc() {
  NETNS_LAB_TRY(make_mounts_private());
  NETNS_LAB_TRY(mount_file_system("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""));
  return "a fresh /proc was mounted";
}

Result<std::string> write_own_sysctl() {
  const UniqueFd file(::open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC));
  if (!file.valid() || ::write(file.get(), "0", 1) != 1)
    return tl::unexpected(Error::system("write /proc/sys/net/ipv4/ip_forward", errno));
  return "a sysctl of a fresh network namespace was written";
}

Result<std::string> look_for_ipv6() {
  if (::access("/proc/sys/net/ipv6", F_OK) != 0)
    return tl::unexpected(Error::system("look at /proc/sys/net/ipv6", errno));
  const UniqueFd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return tl::unexpected(Error::system("open an IPv6 socket", errno));
  return "an IPv6 socket was opened";
}

Result<std::string> ask_nftables() {
  NETNS_LAB_ASSIGN(NetlinkSocket socket, NetlinkSocket::open(netlink::Protocol::kNetfilter));
  netlink::Request request((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, 0);
  nfgenmsg header{};
  header.version = NFNETLINK_V0;
  request.put_header(header);
  NETNS_LAB_TRY(socket.dump(std::move(request)));
  return "the kernel answers nf_tables requests";
}

Result<std::string> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? std::string(path) + ":/usr/sbin:/sbin"
                                             : "/usr/sbin:/usr/bin:/sbin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((folder + "/" + name).c_str(), X_OK) == 0) return folder + "/" + name;
  }
  return tl::unexpected(Error::missing(fmt::format("look for the program {}", name), "it is in no folder of PATH"));
}

int wait_for_end(const AgentContext&, UniqueFd stream) {
  char byte = 0;
  while (::recv(stream.get(), &byte, 1, 0) > 0) {
  }
  return 0;
}

Result<std::string> start_whole_sandbox() {
  SandboxSpec spec;
  spec.node_agent = wait_for_end;
  spec.outside_agent = wait_for_end;
  const auto before = std::chrono::steady_clock::now();
  NETNS_LAB_ASSIGN(const SandboxStreams lab, start_sandbox(spec));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - before);
  return fmt::format("one was started in {} ms", took.count());
}

Result<std::string> use_machine_privileges() {
  // What the host provider needs, tried where it harms nobody: without a user namespace, but in a network namespace of
  // its own, which is owned by the same user namespace as the machine's, so that the same capabilities decide.
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET) != 0) {
    return tl::unexpected(Error::system("make mount and network namespaces without a user namespace", errno));
  }
  NETNS_LAB_TRY(create_veth_pair());
  return "this process may change the machine's network and mounts";
}

std::vector<Probe> probes() {
  return {
      {"user namespaces", true, "every sandbox that is not --privileged", CLONE_NEWUTS,
       [] { return Result<std::string>("one was created"); }, ""},
      {"capabilities in a user namespace", true, "every sandbox that is not --privileged", CLONE_NEWNET,
       create_veth_pair, ""},
      {"network namespaces", true, "every lab", CLONE_NEWNET, nest_network_namespaces, ""},
      {"writable network sysctls", true, "every sandbox", CLONE_NEWNET, write_own_sysctl, ""},
      {"raw ICMP sockets", true, "echo probes", CLONE_NEWNET,
       [] { return open_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP, "a raw ICMP socket"); }, ""},
      {"packet sockets", true, "proof at the receiver", CLONE_NEWNET,
       [] { return open_socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL), "a packet socket"); }, ""},
      {"a whole sandbox", true, "judging anything here", 0, start_whole_sandbox, ""},
      {"a fresh /proc", false, "a sandbox that sees only its own processes", CLONE_NEWNS | CLONE_NEWPID,
       mount_fresh_proc, "in docker add: --security-opt systempaths=unconfined"},
      {"overlays in a user namespace", false, "changing files that are there, under /etc and the like", CLONE_NEWNS,
       mount_overlay, "Linux 5.11 or newer is needed; modprobe overlay"},
      {"IPv6", false, "every IPv6 claim", CLONE_NEWNET, look_for_ipv6, "boot without ipv6.disable=1"},
      {"bridges", false, "the scenarios bridge and multi-node", CLONE_NEWNET,
       [] { return create_link_of_kind("bridge"); }, "modprobe bridge"},
      {"VXLAN", false, "the scenario overlay", CLONE_NEWNET, create_vxlan, "modprobe vxlan"},
      {"nf_tables", false, "targets that use nft or iptables-nft", CLONE_NEWNET, ask_nftables, "modprobe nf_tables"},
      {"the lab provider host", false, "--lab host", 0, use_machine_privileges, "run it as root (sudo)"},
      {"bash", false, "script targets", 0, [] { return find_program("bash"); }, "apt-get install bash"},
      {"ip", false, "script targets, and peers in benchmarks", 0, [] { return find_program("ip"); },
       "apt-get install iproute2"},
      {"ping", false, "scripts that use it, and peers in benchmarks", 0, [] { return find_program("ping"); },
       "apt-get install iputils-ping"},
      {"nft", false, "scripts that use it", 0, [] { return find_program("nft"); }, "apt-get install nftables"},
  };
}

}  // namespace

std::vector<Capability> probe_capabilities() {
  const NamespaceSettings settings = NamespaceSettings::read();
  std::vector<Capability> found;
  for (const Probe& probe : probes()) {
    auto seen = try_in_child(probe.namespaces, probe.attempt, Deadline::after(seconds(20)));
    Capability capability;
    capability.name = probe.name;
    capability.ok = seen.has_value();
    capability.required = probe.required;
    capability.needed_for = probe.needed_for;
    if (seen) {
      capability.seen = *seen;
    } else {
      Error error = explain_refusal(seen.error(), settings);
      capability.remedy = *probe.remedy != '\0' ? probe.remedy : error.remedy;
      error.remedy.clear();
      capability.seen = error.message();
    }
    found.push_back(std::move(capability));
  }
  return found;
}

}  // namespace netns_lab::node
