#include "harness/node/sandbox_guard.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "harness/base/socket_pair.h"
#include "harness/netns/own_root.h"
#include "harness/node/sandbox_refusal.h"
#include "harness/node/sandbox_status.h"
#include "harness/node/sandbox_user.h"

namespace netns_lab::node {
namespace {

constexpr char kDone = 'd';

// One byte each way between the helper, which may write id maps, and the guard, which needs them.
struct Handshake {
  UniqueFd helper;
  UniqueFd guard;

  static Result<Handshake> create() {
    NETNS_LAB_ASSIGN(auto pair, socket_pair(SOCK_STREAM, "create a socket pair"));
    return Handshake{.helper = std::move(pair.first), .guard = std::move(pair.second)};
  }
};

void say_done(const UniqueFd& end) { static_cast<void>(::send(end.get(), &kDone, 1, MSG_NOSIGNAL)); }

bool hear_done(const UniqueFd& end) {
  char byte = 0;
  while (true) {
    const ssize_t length = ::recv(end.get(), &byte, 1, 0);
    if (length < 0 && errno == EINTR) continue;
    return length == 1 && byte == kDone;
  }
}

int run_guard(const GuardLaunch& launch, const GuardFacts& facts, Handshake& handshake) {
  handshake.helper.reset();
  std::vector<int> keep = launch.keep;
  keep.insert(keep.end(), {facts.status, facts.caller, handshake.guard.get()});
  shed_callers_things(keep, launch.log);
  if (launch.user_namespace) {
    if (const auto entered = netns::enter_new_user_namespace(); !entered) {
      report_error(facts.status, explain_refusal(entered.error(), NamespaceSettings::read()));
      return 1;
    }
    say_done(handshake.guard);
    if (!hear_done(handshake.guard)) return 1;
  }
  handshake.guard.reset();
  return launch.guard(facts);
}

// Stands between caller and guard, so that the guard is nobody's child, and stays in the caller's user namespace, as
// whoever writes id maps must.
int run_helper(const GuardLaunch& launch, const GuardFacts& facts, const IdMaps& maps) {
  auto handshake = Handshake::create();
  if (!handshake) {
    report_error(facts.status, handshake.error());
    return 1;
  }
  const pid_t guard = detail::fork_process();
  if (guard == 0) detail::leave(run_guard(launch, facts, *handshake));
  if (guard < 0) {
    report_error(facts.status, Error::system("fork the guard of a lab", errno));
    return 1;
  }
  handshake->guard.reset();
  if (!launch.user_namespace || !hear_done(handshake->helper)) return 0;
  if (const auto written = write_id_maps(guard, maps); !written) {
    report_error(facts.status, explain_refusal(written.error(), NamespaceSettings::read()));
    return 1;
  }
  say_done(handshake->helper);
  return 0;
}

// Who was killed cannot say so: whoever looks for the reason of a lost stream finds it in the log.
void tell_if_killed(const Child& child) {
  siginfo_t end{};
  if (::waitid(P_PID, static_cast<id_t>(child.pid), &end, WEXITED | WNOHANG | WNOWAIT) != 0) return;
  if (end.si_pid == 0 || (end.si_code != CLD_KILLED && end.si_code != CLD_DUMPED)) return;
  ::dprintf(STDERR_FILENO,
            "netns-lab: process %d of a lab, an agent or its keeper, was killed by SIG%s: the lab ends\n", end.si_pid,
            ::sigabbrev_np(end.si_status));
}

}  // namespace

Result<void> launch_guard(const GuardLaunch& launch) {
  NETNS_LAB_ASSIGN(StatusChannel status, StatusChannel::create());
  UniqueFd caller;
  if (launch.life == LabLife::kCallers) {
    NETNS_LAB_ASSIGN(caller, open_process(::getpid()));
  }
  IdMaps maps;
  if (launch.user_namespace) {
    NETNS_LAB_ASSIGN(maps, choose_id_maps());
  }
  const GuardFacts facts{.status = status.lab.get(), .caller = caller.get()};
  const pid_t helper = detail::fork_process();
  if (helper == 0) {
    status.starter.reset();
    detail::leave(run_helper(launch, facts, maps));
  }
  if (helper < 0) return tl::unexpected(Error::system("fork a process of a lab", errno));
  status.lab.reset();
  while (::waitpid(helper, nullptr, 0) < 0 && errno == EINTR) {
  }
  NETNS_LAB_TRY(await_ready(status.starter, launch.ready_reports, launch.deadline));
  static_cast<void>(
      ::send(status.starter.get(), &kDone, 1, MSG_NOSIGNAL));  // wanted: from now on we may let go of the channel
  return {};
}

void watch_over(const GuardFacts& facts, const std::vector<Child>& children, std::vector<int> keep) {
  keep.insert(keep.end(), {facts.status, facts.caller});
  std::vector<pollfd> watched = {{.fd = facts.status, .events = POLLIN, .revents = 0},
                                 {.fd = facts.caller, .events = POLLIN, .revents = 0}};
  for (const Child& child : children) {
    keep.push_back(child.process.get());
    watched.push_back({.fd = child.process.get(), .events = POLLIN, .revents = 0});
  }
  close_all_but(keep);
  while (true) {
    if (::poll(watched.data(), watched.size(), -1) < 0) {
      if (errno == EINTR) continue;
      break;
    }
    bool over = false;
    for (std::size_t i = 1; i < watched.size(); ++i) over = over || watched[i].revents != 0;
    if (over) break;
    char byte = 0;
    if (::recv(facts.status, &byte, 1, MSG_DONTWAIT) != 1) break;  // given up before it was ready
    watched[0].fd = -1;
    ::close(facts.status);
  }
  for (const Child& child : children) tell_if_killed(child);
  // At the same time: the kernel is at an agent's sockets and namespaces for some milliseconds.
  for (const Child& child : children) {
    if (child.pid > 0) ::kill(child.pid, SIGKILL);  // not waited for yet, as in end_child
  }
  for (const Child& child : children) end_child(child);
}

}  // namespace netns_lab::node
