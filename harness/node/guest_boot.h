// A virtual machine of ours from its first instruction in user space to its greeting, and its end: for a first process,
// which may serve labs then (guest_init.h) or something else.
//
//   NETNS_LAB_ASSIGN(BootedGuest guest, boot_guest());
//   … ChannelTrunk trunk(std::move(guest.port), …)
//   power_off_guest(guest.disk);
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {

struct BootedGuest {
  UniqueFd port;                  // greeted: whoever made the machine knows that it is up
  std::vector<std::string> lost;  // what the machine cannot give, in words
  std::string disk{};             // where its disk is mounted; "" it has none
};

// Mounts /proc, /sys, /dev, /run and /tmp, loads the modules that were put in, sets lo up, mounts the disk, opens the
// port and greets. kSystem when there is no port, or the disk does not hold ext4.
Result<BootedGuest> boot_guest();

// With a disk: ends every other process, and lets go of it. Returns only when the kernel refuses to power off.
void power_off_guest(const std::string& disk);

struct ListedModule {
  std::string path;
  std::vector<std::size_t> needs;  // places in the list, all before its own: loading comes to an end
};
// Of lines as modules.dep has them. A need that does not stand in an earlier line is passed over: the kernel says it.
std::vector<ListedModule> parse_module_list(const std::vector<std::string>& lines);

// What finit_module(2) is to be told about a module's file: a compressed one is unpacked by the kernel.
int module_flags(std::string_view path);

}  // namespace netns_lab::node
