// For tests with `--lab host`: the test's own network namespace stands for a machine.
#pragma once

#include <stdexcept>

#include "harness/node/apply.h"
#include "harness/node/network_handles.h"
#include "harness/node/network_state.h"

namespace netns_lab::cli {

// This process's own network namespace, as the node's agent would read it.
inline NamespaceState this_machine() {
  auto handles = node::NetworkHandles::create().value();
  SnapshotOptions options;
  options.all_sysctls = true;
  return node::read_network_state(handles, "", options, {}).value();
}

// A lab on it needs one.
inline void give_this_machine_an_uplink() {
  if (this_machine().find_link("eth0") != nullptr) return;
  auto handles = node::NetworkHandles::create().value();
  CreateVeth uplink;
  uplink.name = "eth0";
  uplink.peer_name = "cable0";
  uplink.up = true;
  AddAddress ipv4;
  ipv4.link = "eth0";
  ipv4.prefix = Prefix::parse("192.0.2.2/24").value();
  AddAddress ipv6 = ipv4;
  ipv6.prefix = Prefix::parse("2001:db8:0:1::2/64").value();
  SetLink far_end;
  far_end.name = "cable0";
  far_end.up = true;
  const auto done = node::apply_changes(handles, {uplink, ipv4, ipv6, far_end});
  if (!done) throw std::runtime_error(done.error().message());
}

}  // namespace netns_lab::cli
