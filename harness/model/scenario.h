// What a target is asked to build, and what it built.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/address.h"
#include "harness/model/change.h"
#include "harness/model/verdict.h"

namespace netns_lab {

// A parameter as the tutorial names it: CON=netns1.
struct Parameter {
  std::string name;
  std::string default_value;
  std::string text;  // what it is, for `list scenarios`
  bool operator==(const Parameter&) const = default;
};
using Parameters = std::map<std::string, std::string>;

// What a target made for one container.
struct Attachment {
  std::string network_namespace;  // its name
  std::string host_link;          // on the node
  std::string container_link;     // inside
  std::vector<Prefix> addresses;  // on the container's end
  std::optional<IpAddress> gateway;
  bool operator==(const Attachment&) const = default;
};

// What a scenario declares: the objects that the target shall make, everything else is a finding.
struct Topology {
  std::vector<std::string> namespaces;
  std::vector<std::string> links;  // in the node's own namespace
  std::vector<Attachment> attachments;
  std::optional<IpAddress> node_address;  // of the node's uplink, where a parameter names it; none: it is found out
  std::vector<Change> build;              // one right way to build it, in order; what the `native` target does
  std::vector<Change> tear_down;          // and to remove it
  // Programs that a script may leave running because the network is made of them ("socat"); `native` has none.
  std::vector<std::string> daemons{};
  bool operator==(const Topology&) const = default;
};

// What joins the nodes of a scenario of several.
enum class Underlay : std::uint8_t {
  kOneSegment,  // one segment, which the outside is on as well
  kRouted,      // each node has a segment of its own, and the outside is the router between them
};

// The tables of nftables in the node's own namespace that it makes, as they are claimed: "ip nat".
std::vector<std::string> nft_tables_of(const Topology& topology);

struct Scenario {
  std::string name;   // "single-namespace"
  std::string title;  // one line
  std::vector<Parameter> parameters;
  std::vector<Family> families;
  std::vector<Requirement> requirements;
  // Whether its tests run commands on a node, or put files there. Where neither they nor the target does, a node needs
  // no file system that can be written, and is made and gone sooner.
  bool tests_run_commands = true;
  // Checks the parameters (kInvalid with one clear line) and lays the topology out for one family.
  // Of the first node, or the only one.
  std::function<Result<Topology>(const Parameters&, Family)> topology;
  // Of the kernel's configuration, what the network is made of beyond what every node has: "CONFIG_BRIDGE". On a node
  // that says that its kernel lacks one (HelloReply::lost) nothing is judged.
  std::vector<std::string> kernel_options{};
  // Of each further node, the second first; empty for a scenario of one node.
  std::vector<std::function<Result<Topology>(const Parameters&, Family)>> further_nodes{};
  Underlay underlay = Underlay::kOneSegment;
  // It has more namespaces than one look can hold: what was built is looked at in the node's own namespace alone, its
  // cases look at the others in parts (SnapshotOptions::only), and no second lab is prepared beside the first.
  bool looked_at_in_parts = false;
  // How many descriptors a node must be able to have open at once for its tests, where that is more than a few: less is
  // the machine's fault, told before anything is built.
  std::function<std::size_t(const Topology&)> descriptors{};

  std::size_t nodes() const { return 1 + further_nodes.size(); }
  Result<std::vector<Topology>> topologies(const Parameters& values, Family family) const;  // of all nodes
};

}  // namespace netns_lab
