// For the tests of this folder: a node of its own per test (a fresh network namespace as the node's own, an empty
// namespace folder).
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/model/packet_filter.h"
#include "harness/netns/named.h"
#include "harness/node/apply.h"
#include "harness/node/network_handles.h"
#include "harness/node/part_1.h"

namespace netns_lab::node {

// As a person reads them.
inline std::vector<std::string> texts(const std::vector<PacketFilter>& filters) {
  std::vector<std::string> lines;
  for (const PacketFilter& filter : filters) lines.push_back(to_string(filter));
  return lines;
}

class NetworkFixture : public testing::Test {
 protected:
  NetworkFixture() {
    // What the last test left goes with its namespace.
    if (::unshare(CLONE_NEWNET) != 0) throw std::runtime_error(std::string("unshare: ") + std::strerror(errno));
    handles_.emplace(NetworkHandles::create().value());
    // Takes index 2, as an uplink does on every real node. Two ends of a pair that have the same index (2 here, 2 in a
    // fresh namespace) look to the kernel's link watcher like a link of its own, whose operstate may then lag by a
    // second (linkwatch_urgent_event).
    if (!apply_changes(*handles_, {CreateLink{"", "uplink0", "bridge"}})) throw std::runtime_error("create a bridge");
  }
  ~NetworkFixture() override {
    const auto entries = list_namespace_entries("/run/netns");
    if (!entries) return;
    for (const NamespaceEntry& entry : *entries) {
      if (!unname_namespace("/run/netns", entry.name)) ADD_FAILURE() << "cannot remove " << entry.name;
    }
  }
  NetworkHandles& handles() { return *handles_; }

 private:
  std::optional<NetworkHandles> handles_;
};

}  // namespace netns_lab::node
