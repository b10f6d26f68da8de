#include "harness/node/host.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/capability.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "harness/base/socket_pair.h"
#include "harness/base/text.h"
#include "harness/netns/named.h"
#include "harness/node/device_manager.h"
#include "harness/node/host_uplink.h"
#include "harness/node/isolation.h"
#include "harness/node/journal.h"
#include "harness/node/sandbox_guard.h"
#include "harness/node/sandbox_process.h"
#include "harness/node/sandbox_status.h"
#include "harness/node/sandbox_sysctl.h"
#include "harness/node/sysctl.h"

namespace netns_lab::node {
namespace {

constexpr auto kStarting = "start a lab on this machine itself";

Result<void> check_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0)
    return tl::unexpected(Error::system("read our capabilities", errno));
  const auto has = [&](unsigned capability) {
    return (data[capability / 32].effective >> (capability % 32) & 1U) != 0;
  };
  if (has(CAP_SYS_ADMIN) && has(CAP_NET_ADMIN)) return {};
  return tl::unexpected(Error::missing(kStarting,
                                       "it needs CAP_SYS_ADMIN and CAP_NET_ADMIN, which this process has not",
                                       "run it as root (sudo), or use --lab sandbox, which needs no privilege"));
}

Result<void> make_journal_directory(const std::string& directory) {
  for (std::size_t end = directory.find('/', 1);; end = directory.find('/', end + 1)) {
    const std::string part = directory.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return tl::unexpected(Error::system(fmt::format("create folder {}", part), errno));
    }
    if (end == std::string::npos) return {};
  }
}

// What a script may change by hand, without us seeing it beforehand.
std::vector<std::string> watched_sysctls() {
  std::vector<std::string> keys;
  for (const PinnedSysctl& pinned : pinned_sysctls()) keys.push_back(sysctl_key(pinned.path));
  return keys;
}

// `device_manager`: open_device_manager().
Result<AgentContext> set_up(const HostSpec& spec, const std::string& journal, int device_manager) {
  utsname machine{};
  ::uname(&machine);
  AgentContext context;
  context.provider = "host";
  context.node = "node-1";
  context.host_name = machine.nodename;
  context.is_init = true;
  if (device_manager >= 0) context.device_manager = fmt::format("/proc/self/fd/{}", device_manager);
  NETNS_LAB_ASSIGN(HostUplink uplink, find_host_uplink());
  context.uplink = std::move(uplink.link);
  context.uplink_addresses = std::move(uplink.addresses);
  NETNS_LAB_ASSIGN(const std::vector<NamespaceEntry> named, list_namespace_entries(kNamespaceDirectory));
  for (const NamespaceEntry& entry : named) context.machine_namespaces.push_back(entry.name);

  if (::unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) != 0) {
    return tl::unexpected(Error::system("make mount, UTS and IPC namespaces", errno));
  }
  NETNS_LAB_ASSIGN(Isolation isolation, isolate({.host_name = context.host_name,
                                                 .journal_directory = spec.journal_directory,
                                                 .furnishing = Furnishing::kFull}));
  context.lost = std::move(isolation.lost);
  context.writable = std::move(isolation.writable);
  context.made_by_setup = std::move(isolation.made_by_setup);
  context.journal = std::string(kOwnFolder) + "/journal" + journal.substr(journal.rfind('/'));
  return context;
}

int run_guard(const HostSpec& spec, UniqueFd& socket, const GuardFacts& facts) {
  const auto give_up = [&](const Error& error) {
    report_error(facts.status, error);
    return 1;
  };
  const std::string path = fmt::format("{}/{}.jsonl", spec.journal_directory, ::getpid());
  auto journal = Journal::create(path);
  if (!journal) return give_up(journal.error());
  const auto stop = [&](const Error& error) {
    static_cast<void>(undo_journal(path));
    return give_up(error);
  };
  if (const auto kept = journal->before_sysctls(watched_sysctls()); !kept) return stop(kept.error());
  auto line = LifeLine::create();
  if (!line) return stop(line.error());
  if (::unshare(CLONE_NEWPID) != 0) return stop(Error::system("make a PID namespace", errno));
  auto agent = fork_child([&] {
    die_with_parent(*line);
    close_all_but({socket.get(), journal->fd(), facts.status});
    const UniqueFd device_manager = open_device_manager();
    const auto context = set_up(spec, path, device_manager.get());
    if (!context) return give_up(context.error());
    report_ready(facts.status);
    // The journal's lock lives as long as we do.
    close_all_but({socket.get(), journal->fd(), device_manager.get()});
    return spec.agent(*context, std::move(socket));
  });
  if (!agent) return stop(agent.error());
  std::vector<Child> children;
  children.push_back(*std::move(agent));
  watch_over(facts, children, {line->parent.get(), journal->fd()});

  const auto undone = undo_journal(path);
  if (!undone) {
    std::fprintf(stderr, "netns-lab: %s\n", undone.error().message().c_str());
    return 0;
  }
  for (const std::string& remark : undone->remarks) std::fprintf(stderr, "netns-lab: %s\n", remark.c_str());
  for (const std::string& thing : undone->left) {
    std::fprintf(stderr, "netns-lab: could not be undone, the next start tries again: %s\n", thing.c_str());
  }
  return 0;
}

Result<void> launch(const HostSpec& spec, LabLife life, UniqueFd socket) {
  NETNS_LAB_TRY(check_capabilities());
  NETNS_LAB_TRY(make_journal_directory(spec.journal_directory));
  NETNS_LAB_ASSIGN(const Undone undone, recover_journals(spec.journal_directory));
  for (const std::string& remark : undone.remarks) std::fprintf(stderr, "netns-lab: %s\n", remark.c_str());
  if (!undone.left.empty()) {
    return tl::unexpected(
        Error::taken(kStarting, "what an earlier lab left could not be undone: " + join(undone.left, "; ")));
  }
  GuardLaunch launch;
  launch.life = life;
  launch.log = spec.log;
  launch.keep = {socket.get()};
  launch.deadline = Deadline::after(spec.limit);
  launch.guard = [&](const GuardFacts& facts) { return run_guard(spec, socket, facts); };
  return launch_guard(launch);
}

}  // namespace

Result<UniqueFd> start_host(const HostSpec& spec) {
  NETNS_LAB_ASSIGN(auto pair, socket_pair(SOCK_STREAM, "create a socket pair for an agent's stream"));
  NETNS_LAB_TRY(launch(spec, LabLife::kCallers, std::move(pair.second)));
  return std::move(pair.first);
}

Result<void> start_host(const HostSpec& spec, UniqueFd listener) {
  return launch(spec, LabLife::kItsOwn, std::move(listener));
}

}  // namespace netns_lab::node
