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

#include "harness/model/change.h"
#include "harness/netns/named.h"
#include "harness/node/apply.h"
#include "harness/node/network_handles.h"

namespace netns_lab::node {

inline Route direct_route(const std::string& destination, const std::string& link) {
  Route route;
  route.destination = Prefix::parse(destination).value();
  NextHop hop;
  hop.link = link;
  route.hops = {hop};
  return route;
}

inline Route default_route(const std::string& gateway, const std::string& link) {
  Route route = direct_route("0.0.0.0/0", link);
  route.hops.front().gateway = IpAddress::parse(gateway).value();
  return route;
}

inline SetLink raised(const std::string& network_namespace, const std::string& name) {
  SetLink change;
  change.network_namespace = network_namespace;
  change.name = name;
  change.up = true;
  return change;
}

inline CreateVeth pair_of(const std::string& name, const std::string& peer_namespace, const std::string& peer_name) {
  CreateVeth change;
  change.name = name;
  change.peer_namespace = peer_namespace;
  change.peer_name = peer_name;
  return change;
}

inline AddAddress address_on(const std::string& network_namespace, const std::string& link, const std::string& prefix) {
  AddAddress change;
  change.network_namespace = network_namespace;
  change.link = link;
  change.prefix = Prefix::parse(prefix).value();
  return change;
}

inline RouteQuery query(const std::string& network_namespace, const std::string& destination) {
  RouteQuery asked;
  asked.network_namespace = network_namespace;
  asked.destination = IpAddress::parse(destination).value();
  return asked;
}

// Part 1 of the series.
inline std::vector<Change> single_namespace() {
  CreateVeth pair = pair_of("veth1", "netns1", "veth2");
  pair.up = true;
  return {CreateNamespace{"netns1"},
          pair,
          raised("netns1", "lo"),
          address_on("netns1", "veth2", "10.200.1.1/32"),
          raised("netns1", "veth2"),
          AddRoute{"netns1", default_route("10.200.1.1", "veth2")},
          AddRoute{"", direct_route("10.200.1.1/32", "veth1")}};
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
