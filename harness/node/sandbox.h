// A lab in namespaces of its own: a node and an `outside` node joined by an uplink. Needs no root, and dies with
// whoever uses it.
//
//   NETNS_LAB_ASSIGN(SandboxStreams streams, start_sandbox({.node_agent = serve_stream, .outside_agent =
//   serve_stream}));
//
//      caller ─ (short-lived helper, writes the id maps)
//                 └ guard ──────── node: process 1 of its PID namespace, the agent     eth0 192.0.2.2, 2001:db8:0:1::2
//                     └ keeper     holds the outside's network namespace               eth0 192.0.2.1, 2001:db8:0:1::1
//                         └ ────── outside: process 1 of another PID namespace, another agent. Made when first spoken
//                         to
//
// With `nodes` more than 1 they are node-1, node-2 … on one segment with the outside: a bridge in the outside's network
// namespace, which is its eth0. One user namespace holds them all. Each further node has a parent of its own, below the
// guard: a process makes one PID namespace for its children, not two (pid_namespaces(7)).
//
//                 └ guard ─┬────── node-1                                              eth0 10.0.0.10
//                     └ keeper     outside: eth0, a bridge with 10.0.0.1 ═╪═
//                     └ parent ─── node-2: process 1 of its PID namespace              eth0 10.0.0.20
//
// Processes: the guard watches the caller by a pidfd, the processes below watch the guard by PR_SET_PDEATHSIG: when any
// of them ends, by whatever means, all end, and the kernel takes the namespaces with them. None is a child of the
// caller afterwards (it need not wait for them), none keeps the caller's descriptors, signals, session or working
// folder. Threads: may be called from any thread; the processes made have one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/node/agent.h"

namespace netns_lab::node {

// serve_stream for a private lab, serve_listener for a named one.
using AgentFunction = std::function<int(const AgentContext&, UniqueFd)>;

// RFC 5737 and RFC 3849 documentation prefixes: nothing real can be meant by them.
inline constexpr auto kUplinkName = "eth0";
inline constexpr auto kNodeUplinkIpv4 = "192.0.2.2/24";
inline constexpr auto kOutsideUplinkIpv4 = "192.0.2.1/24";
inline constexpr auto kNodeUplinkIpv6 = "2001:db8:0:1::2/64";
inline constexpr auto kOutsideUplinkIpv6 = "2001:db8:0:1::1/64";

// Of several nodes the addresses are the tutorial's (part 3): 10.0.0.10, 10.0.0.20 …, the outside is 10.0.0.1; in IPv6
// 2001:db8:0:1::10, ::20 … and ::1.
inline constexpr int kMostNodes = 16;

// What is here of a lab whose nodes are in several machines (harness/node/guest_labs.h). The node that comes first in
// the lab has the outside beside it; elsewhere the outside's namespace holds the segment, without addresses of its own.
struct SandboxShare {
  int first = 1;  // the number of the first node here
  int of = 0;     // how many nodes the lab has in all; 0: as many as are here
  // Borrowed, a SOCK_SEQPACKET socket. The outside's network namespace is sent over it (SCM_RIGHTS); a byte comes back
  // when the VLANs that lead to the other parts are in it. -1: there are no others.
  int joiner = -1;
};

struct SandboxSpec {
  bool user_namespace = true;  // false (`--privileged`): needs real CAP_SYS_ADMIN
  int nodes = 1;               // 1..kMostNodes
  SandboxShare share{};
  std::string host_name = "node-1";  // of the first node; the others are "node-2" …, and "outside"
  bool commands = true;              // false: nothing will be run on the nodes, or put there; both are refused
  std::string kept{};  // a mount of the machine that the nodes may write to, protocol::kStateFolder; "" none
  AgentFunction node_agent;
  AgentFunction outside_agent;
  int log = -1;  // where the lab's processes write their standard error; -1: nowhere. Stays the caller's
  std::chrono::milliseconds limit{20'000};  // for setting it up
};

// Connected stream sockets, one per agent. Closing that of any node ends the lab.
struct SandboxStreams {
  UniqueFd node;
  UniqueFd outside;
  std::vector<UniqueFd> more_nodes{};  // node-2, node-3 …
};

// A private lab: ready when this returns, gone when the caller's process ends or closes `node`.
// kMissing (exit 3), with the command that mends it, where this machine does not let us: no user namespaces, their
// quota used up, capabilities refused in them, or a /proc/sys that cannot be written. kInvalid for a number of nodes
// that cannot be.
Result<SandboxStreams> start_sandbox(const SandboxSpec& spec);

// A named lab: listening sockets, one per agent, which the lab takes over. It is ready when this returns, is in a
// session of its own, outlives the caller, and ends when an agent function returns (a session says shutdown).
struct SandboxListeners {
  UniqueFd node;
  UniqueFd outside;
  std::vector<UniqueFd> more_nodes{};  // as many as the spec has
};
Result<void> start_sandbox(const SandboxSpec& spec, SandboxListeners listeners);

}  // namespace netns_lab::node
