// Part 1 of the series as changes, for the tests and benchmarks of this folder.
#pragma once

#include <string>
#include <vector>

#include "harness/model/change.h"

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

inline std::vector<Change> part_1() { return single_namespace(); }

}  // namespace netns_lab::node
