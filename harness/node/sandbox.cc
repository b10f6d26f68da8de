#include "harness/node/sandbox.h"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "harness/base/socket_pair.h"
#include "harness/node/sandbox_guard.h"
#include "harness/node/sandbox_node.h"
#include "harness/node/sandbox_process.h"
#include "harness/node/sandbox_refusal.h"
#include "harness/node/sandbox_status.h"

namespace netns_lab::node {
namespace {

// The sockets of the agents; each process keeps its own and closes the other.
struct Sockets {
  std::vector<UniqueFd> nodes;
  UniqueFd outside;
};

Result<std::pair<UniqueFd, UniqueFd>> stream_pair() {
  return socket_pair(SOCK_STREAM, "create a socket pair for an agent's stream");
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
int run_outside(const SandboxSpec& spec, UniqueFd socket) {
  const auto context = furnish_outside({.number = 1, .of = spec.share.of, .underlay = spec.underlay});
  if (context) return spec.outside_agent(*context, std::move(socket));
  std::fprintf(stderr, "the outside's agent cannot start: %s\n", context.error().message().c_str());
  return 1;
}

// Holds the outside's network namespace. Most labs' outside is never spoken to: what else an agent needs is made when
// somebody speaks to it.
int run_keeper(const SandboxSpec& spec, Sockets& sockets, const std::vector<Rendezvous>& rendezvous, int status) {
  std::vector<const UniqueFd*> nodes;
  for (const Rendezvous& each : rendezvous) nodes.push_back(&each.outside);
  const NodePlace first{
      .number = spec.share.first, .of = spec.share.of, .underlay = spec.underlay, .away = spec.share.first > 1};
  if (const auto opened = open_outside(nodes, first, spec.share.joiner); !opened) {
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
    return run_outside(spec, std::move(sockets.outside));
  });
  if (!outside) return 1;
  close_all_but({line->parent.get()});
  while (::waitpid(outside->pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

int run_node(const SandboxSpec& spec, Sockets& sockets, const Rendezvous& rendezvous, int status, std::size_t number,
             Deadline deadline) {
  UniqueFd socket = std::move(sockets.nodes.at(number));
  close_all_but({socket.get(), rendezvous.node.get(), status});
  const NodePlace place{.number = static_cast<int>(number) + spec.share.first,
                        .of = spec.share.of,
                        .underlay = spec.underlay,
                        .away = spec.share.first > 1};
  const std::string host_name = place.number == 1 ? spec.host_name : node_name(place.number);
  return run_agent(set_up_node(place, host_name, spec.commands, spec.kept, rendezvous.node, deadline), spec.node_agent,
                   std::move(socket), status);
}

// The parent of a further node: it lives as long as the node does.
int run_parent(const SandboxSpec& spec, Sockets& sockets, const Rendezvous& rendezvous, int status, std::size_t number,
               Deadline deadline) {
  close_all_but({sockets.nodes.at(number).get(), rendezvous.node.get(), status});
  auto line = LifeLine::create();
  if (!line) {
    report_error(status, line.error());
    return 1;
  }
  if (!make_pid_namespace(status)) return 1;
  const auto node = fork_child([&] {
    die_with_parent(*line);
    return run_node(spec, sockets, rendezvous, status, number, deadline);
  });
  if (!node) {
    report_error(status, node.error());
    return 1;
  }
  close_all_but({line->parent.get()});
  while (::waitpid(node->pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return 0;
}

int run_guard(const SandboxSpec& spec, Sockets& sockets, const GuardFacts& facts) {
  const Deadline deadline = Deadline::after(spec.limit);
  std::vector<Child> children;
  const auto give_up = [&](const Error& error) {
    for (const Child& child : children) end_child(child);
    report_error(facts.status, error);
    return 1;
  };
  std::vector<LifeLine> lines;  // the keeper's, then the nodes'
  std::vector<Rendezvous> rendezvous;
  for (std::size_t i = 0; i <= sockets.nodes.size(); ++i) {
    auto line = LifeLine::create();
    if (!line) return give_up(line.error());
    lines.push_back(*std::move(line));
  }
  for (std::size_t i = 0; i < sockets.nodes.size(); ++i) {
    auto meeting = Rendezvous::create();
    if (!meeting) return give_up(meeting.error());
    rendezvous.push_back(*std::move(meeting));
  }

  auto keeper = fork_child([&] {
    die_with_parent(lines.front());
    std::vector<int> keep = {sockets.outside.get(), facts.status, spec.share.joiner};
    for (const Rendezvous& each : rendezvous) keep.push_back(each.outside.get());
    close_all_but(keep);
    return run_keeper(spec, sockets, rendezvous, facts.status);
  });
  if (!keeper) return give_up(keeper.error());
  children.push_back(*std::move(keeper));
  // Before the guard's own children get a PID namespace, which would be around these, too.
  for (std::size_t number = 1; number < sockets.nodes.size(); ++number) {
    auto parent = fork_child([&] {
      die_with_parent(lines.at(number + 1));
      return run_parent(spec, sockets, rendezvous.at(number), facts.status, number, deadline);
    });
    if (!parent) return give_up(parent.error());
    children.push_back(*std::move(parent));
  }
  if (!make_pid_namespace(facts.status)) {
    for (const Child& child : children) end_child(child);
    return 1;
  }
  auto node = fork_child([&] {
    die_with_parent(lines.at(1));
    return run_node(spec, sockets, rendezvous.front(), facts.status, 0, deadline);
  });
  if (!node) return give_up(node.error());
  children.push_back(*std::move(node));
  std::vector<int> keep;
  for (const LifeLine& line : lines) keep.push_back(line.parent.get());
  watch_over(facts, children, keep);
  return 0;
}

Result<void> check_nodes(const SandboxSpec& spec) {
  const int last = spec.share.first + spec.nodes - 1;
  const bool is_share = spec.share.first >= 1 && (spec.share.of == 0 || last <= spec.share.of);
  if (is_share && spec.nodes >= 1 && std::max(last, spec.share.of) <= kMostNodes) return {};
  return tl::unexpected(Error::invalid(fmt::format("a sandbox lab of {} nodes", spec.nodes),
                                       fmt::format("1 to {} are possible", kMostNodes)));
}

Result<void> launch(SandboxSpec spec, LabLife life, Sockets sockets) {
  if (spec.share.of == 0) spec.share.of = spec.nodes;
  GuardLaunch launch;
  launch.life = life;
  launch.user_namespace = spec.user_namespace;
  launch.ready_reports = spec.nodes + 1;
  launch.log = spec.log;
  launch.keep = {sockets.outside.get(), spec.share.joiner};
  for (const UniqueFd& socket : sockets.nodes) launch.keep.push_back(socket.get());
  launch.deadline = Deadline::after(spec.limit);
  launch.guard = [&](const GuardFacts& facts) { return run_guard(spec, sockets, facts); };
  return launch_guard(launch);
}

}  // namespace

Result<SandboxStreams> start_sandbox(const SandboxSpec& spec) {
  NETNS_LAB_TRY(check_nodes(spec));
  SandboxStreams streams;
  Sockets sockets;
  for (int number = 1; number <= spec.nodes; ++number) {
    NETNS_LAB_ASSIGN(auto node, stream_pair());
    if (number == 1) {
      streams.node = std::move(node.first);
    } else {
      streams.more_nodes.push_back(std::move(node.first));
    }
    sockets.nodes.push_back(std::move(node.second));
  }
  NETNS_LAB_ASSIGN(auto outside, stream_pair());
  streams.outside = std::move(outside.first);
  sockets.outside = std::move(outside.second);
  NETNS_LAB_TRY(launch(spec, LabLife::kCallers, std::move(sockets)));
  return streams;
}

Result<void> start_sandbox(const SandboxSpec& spec, SandboxListeners listeners) {
  NETNS_LAB_TRY(check_nodes(spec));
  if (listeners.more_nodes.size() + 1 != static_cast<std::size_t>(spec.nodes)) {
    return tl::unexpected(Error::internal("start a lab", "it has another number of nodes than of sockets for them"));
  }
  Sockets sockets;
  sockets.nodes.push_back(std::move(listeners.node));
  for (UniqueFd& socket : listeners.more_nodes) sockets.nodes.push_back(std::move(socket));
  sockets.outside = std::move(listeners.outside);
  return launch(spec, LabLife::kItsOwn, std::move(sockets));
}

}  // namespace netns_lab::node
