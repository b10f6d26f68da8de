#include "harness/node/sandbox.h"

#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "harness/node/sandbox_guard.h"
#include "harness/node/sandbox_node.h"
#include "harness/node/sandbox_process.h"
#include "harness/node/sandbox_refusal.h"
#include "harness/node/sandbox_status.h"

namespace netns_lab::node {
namespace {

// The sockets of the agents; each process keeps its own and closes the other.
struct Sockets {
  UniqueFd node;
  UniqueFd outside;
};

Result<std::pair<UniqueFd, UniqueFd>> stream_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return tl::unexpected(Error::system("create a socket pair for an agent's stream", errno));
  }
  return std::pair<UniqueFd, UniqueFd>(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

// Process 1 of the node.
int run_agent(const Result<AgentContext>& context, const AgentFunction& agent, UniqueFd socket, int status) {
  if (!context) {
    report_error(status, context.error());
    return 1;
  }
  report_ready(status);
  close_all_but({socket.get()});
  return agent(*context, std::move(socket));
}

// From here on children of this process are process 1 of a new PID namespace.
bool make_pid_namespace(int status) {
  if (::unshare(CLONE_NEWPID) == 0) return true;
  const int unshare_errno = errno;
  report_error(status, explain_refusal("make a PID namespace", unshare_errno, NamespaceSettings::read()));
  return false;
}

// Process 1 of the outside, in the keeper's network namespace.
int run_outside(const AgentFunction& agent, UniqueFd socket) {
  const auto context = furnish_outside();
  if (context) return agent(*context, std::move(socket));
  std::fprintf(stderr, "the outside's agent cannot start: %s\n", context.error().message().c_str());
  return 1;
}

// Holds the outside's network namespace. Most labs' outside is never spoken to: what else an agent needs is made when
// somebody speaks to it.
int run_keeper(const SandboxSpec& spec, Sockets& sockets, Rendezvous& rendezvous, int status) {
  if (const auto opened = open_outside(rendezvous.outside); !opened) {
    report_error(status, opened.error());
    return 1;
  }
  report_ready(status);
  close_all_but({sockets.outside.get()});
  pollfd caller{.fd = sockets.outside.get(), .events = POLLIN, .revents = 0};
  while (::poll(&caller, 1, -1) < 0 && errno == EINTR) {
  }
  // A stream's end is readable, too. (Of a listener recv(2) is an error.)
  char byte = 0;
  const bool ended = ::recv(sockets.outside.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  if ((caller.revents & POLLIN) == 0 || ended) return 0;  // nobody will

  auto line = LifeLine::create();
  if (!line || ::unshare(CLONE_NEWPID) != 0) return 1;
  const auto outside = fork_child([&] {
    die_with_parent(*line);
    return run_outside(spec.outside_agent, std::move(sockets.outside));
  });
  if (!outside) return 1;
  close_all_but({line->parent.get()});
  while (::waitpid(outside->pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

int run_guard(const SandboxSpec& spec, Sockets& sockets, const GuardFacts& facts) {
  const Deadline deadline = Deadline::after(spec.limit);
  const auto give_up = [&](const Error& error) {
    report_error(facts.status, error);
    return 1;
  };
  auto keeper_line = LifeLine::create();
  auto node_line = LifeLine::create();
  auto rendezvous = Rendezvous::create();
  if (!keeper_line) return give_up(keeper_line.error());
  if (!node_line) return give_up(node_line.error());
  if (!rendezvous) return give_up(rendezvous.error());

  auto keeper = fork_child([&] {
    die_with_parent(*keeper_line);
    close_all_but({sockets.outside.get(), rendezvous->outside.get(), facts.status});
    return run_keeper(spec, sockets, *rendezvous, facts.status);
  });
  if (!keeper) return give_up(keeper.error());
  std::vector<Child> children;
  children.push_back(*std::move(keeper));
  if (!make_pid_namespace(facts.status)) {
    end_child(children.front());
    return 1;
  }
  auto node = fork_child([&] {
    die_with_parent(*node_line);
    close_all_but({sockets.node.get(), rendezvous->node.get(), facts.status});
    return run_agent(set_up_node(spec.host_name, spec.commands, rendezvous->node, deadline), spec.node_agent, std::move(sockets.node),
                     facts.status);
  });
  if (!node) {
    end_child(children.front());
    return give_up(node.error());
  }
  children.push_back(*std::move(node));
  watch_over(facts, children, {keeper_line->parent.get(), node_line->parent.get()});
  return 0;
}

Result<void> launch(const SandboxSpec& spec, LabLife life, Sockets sockets) {
  GuardLaunch launch;
  launch.life = life;
  launch.user_namespace = spec.user_namespace;
  launch.ready_reports = 2;
  launch.log = spec.log;
  launch.keep = {sockets.node.get(), sockets.outside.get()};
  launch.deadline = Deadline::after(spec.limit);
  launch.guard = [&](const GuardFacts& facts) { return run_guard(spec, sockets, facts); };
  return launch_guard(launch);
}

}  // namespace

Result<SandboxStreams> start_sandbox(const SandboxSpec& spec) {
  NETNS_LAB_ASSIGN(auto node, stream_pair());
  NETNS_LAB_ASSIGN(auto outside, stream_pair());
  Sockets sockets{.node = std::move(node.second), .outside = std::move(outside.second)};
  NETNS_LAB_TRY(launch(spec, LabLife::kCallers, std::move(sockets)));
  return SandboxStreams{.node = std::move(node.first), .outside = std::move(outside.first)};
}

Result<void> start_sandbox(const SandboxSpec& spec, SandboxListeners listeners) {
  Sockets sockets{.node = std::move(listeners.node), .outside = std::move(listeners.outside)};
  return launch(spec, LabLife::kItsOwn, std::move(sockets));
}

}  // namespace netns_lab::node
