// The agent: the node's side of the stream. It runs in the node's own network namespace and serves sessions until they
// end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/address.h"

namespace netns_lab::node {

// What whoever made the node tells its agent.
struct AgentContext {
  std::string provider;  // "sandbox", "host"
  std::string node;      // "node-1", "outside"
  std::string host_name;
  std::string uplink;  // interface name; "" none
  std::vector<Prefix> uplink_addresses;
  std::vector<IpAddress> outside_addresses;
  std::vector<std::string> lost;  // what this node cannot give, in words
  std::string namespace_directory = "/run/netns";
  // Folders whose contents beyond what was there before are a target's leftovers: each pair is where the target sees it
  // ("/etc") and where the upper layer or the private tmpfs is ("/run/.netns-lab/upper/etc"; equal for a tmpfs).
  std::vector<std::pair<std::string, std::string>> writable;
  std::vector<std::string> made_by_setup;  // paths below those folders that were there, or made, before any target ran
  std::vector<std::string> machine_namespaces;  // host: names in the machine's own /run/netns, which this node's hides
  // host: udev's folder on the machine ("/run/udev"), as the agent can open it; "" none. The node's own /run hides it.
  std::string device_manager;
  std::string journal;   // path of the journal of what outlives the agent; "" when everything dies with its namespaces
  bool is_init = false;  // process 1 of a PID namespace: it must reap
  // The node's network namespace was made for it, and nothing was set in it but pinned_sysctls().
  bool own_namespace_is_new = false;
  bool commands = true;  // false: no file system of the node can be written, so commands and files are refused
};

// Serves one session on `stream` and returns when it ends (a private lab).
int serve_stream(const AgentContext& context, UniqueFd stream);
// Accepts sessions on the listening unix socket until a session says shutdown (a named lab).
int serve_listener(const AgentContext& context, UniqueFd listener);

}  // namespace netns_lab::node
