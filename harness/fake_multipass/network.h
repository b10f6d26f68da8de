// The network of the fake `multipass`: what one instance's machine sends, all others get. Frames go by unix sockets, as
// QEMU parts them (a 32-bit big-endian length before each, net/socket.c); no packet leaves this machine.
//
//   QEMU ── network.sock ── repeater (a child of the daemon) ── network.sock ── QEMU
//
// An instance's address is its own from its launch until it is purged: there is no DHCP.
#pragma once

#include <string>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/fake_multipass/instances.h"

namespace netns_lab::fake_multipass {

// Listens already when this returns; the process that serves it is to call repeat_frames().
Result<UniqueFd> listen_for_machines(const Home& home);
// Until it is killed. `listener`: each connection is a machine's.
[[noreturn]] void repeat_frames(const UniqueFd& listener);

// A number of its own for an instance, 2 to 254, written into its folder.
Result<void> take_address(const Home& home, const Instance& instance);
void give_address_back(const Home& home, const Instance& instance);
std::string address_of(const Instance& instance);  // "10.97.53.2"
std::string mac_of(const Instance& instance);

// In the machine: gives its device the address ("10.97.53.2/24"), and raises it.
Result<void> join_network(const std::string& address);

}  // namespace netns_lab::fake_multipass
