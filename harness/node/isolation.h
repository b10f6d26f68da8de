// Makes the file systems of a node: called in a new mount namespace, by process 1 of a new PID namespace.
//
//   /                    as on the machine, but nothing of it can be written
//   /etc /var /tmp /home /root   overlays: what is written lands in a tmpfs, what was there stays visible
//   (isolation_overlay.h) /home/ubuntu         empty, private /run                 empty, private; our own things in
//   /run/.netns-lab /proc /sys /dev      fresh; what would reach beyond the node is read-only or absent
//   (isolation_kernel.h) /usr/bin/sudo        runs its arguments as they are (isolation_sudo.h)
//
// It guards against accidents, not against an attacker: the target is root of the node's user namespace.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab::node {

inline constexpr auto kOwnFolder = "/run/.netns-lab";  // of the set-up and the agent; no leftover

// How much of a machine a node is.
enum class Furnishing {
  kFull,   // as above
  kBare,   // for a node nobody runs a command on: nothing can be written but /run and /dev/shm
  kPlain,  // for a node no target runs on: /tmp and /home are empty and writable, /etc, /var, /root read-only; no sudo
};

struct IsolationSpec {
  std::string host_name;
  std::string journal_directory;  // host: stays reachable, as kOwnFolder/journal; "" none
  Furnishing furnishing = Furnishing::kFull;
  std::string kept{};  // a mount that stays writable, kStateFolder; "" none
};

struct Isolation {
  std::vector<std::string> lost;                              // AgentContext::lost
  std::vector<std::pair<std::string, std::string>> writable;  // AgentContext::writable
  std::vector<std::string> made_by_setup;                     // AgentContext::made_by_setup
};

Result<Isolation> isolate(const IsolationSpec& spec);

}  // namespace netns_lab::node
