#include "suites/common/layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "suites/common/forwarding.h"

namespace netns_lab::suites {
namespace {

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

bool overlap(const Prefix& one, const Prefix& other) {
  return one.network().contains(other.address) || other.network().contains(one.address);
}

}  // namespace

SetLink raised(const std::string& network_namespace, const std::string& link) {
  SetLink change;
  change.network_namespace = network_namespace;
  change.name = link;
  change.up = true;
  return change;
}

AddAddress address_on(const std::string& network_namespace, const std::string& link, const Prefix& prefix) {
  AddAddress change;
  change.network_namespace = network_namespace;
  change.link = link;
  change.prefix = prefix;
  return change;
}

AddRoute route_by(const std::string& network_namespace, const Prefix& destination, const std::string& link,
                  const std::optional<IpAddress>& gateway) {
  AddRoute change;
  change.network_namespace = network_namespace;
  change.route.destination = destination;
  // IPv6 routes have no scope of their own.
  if (!gateway && destination.address.is_v4()) change.route.scope = Scope::kLink;
  NextHop hop;
  hop.link = link;
  hop.gateway = gateway;
  change.route.hops = {hop};
  return change;
}

void Layout::pair(End one, End other) { pairs_.emplace_back(std::move(one), std::move(other)); }

void Layout::address(const std::string& network_namespace, const std::string& link, const Prefix& prefix) {
  addresses_.emplace_back(address_on(network_namespace, link, prefix));
}

void Layout::forwarding(const std::string& network_namespace, Family family) {
  settings_.emplace_back(SetSysctl{network_namespace, forwarding_sysctl(family), "1"});
}

void Layout::nft_table(const std::string& family, const std::string& name, std::vector<NftChain> chains) {
  nft_tables_.push_back({"", family, name, std::move(chains)});
}

std::vector<const Layout::End*> Layout::ends() const {
  std::vector<const End*> all;
  for (const auto& [one, other] : pairs_) {
    all.push_back(&one);
    all.push_back(&other);
  }
  return all;
}

Result<void> Layout::check() const {
  std::vector<const End*> addressed;
  for (const End* end : ends()) {
    const std::string place = end->network_namespace.empty() ? "the node" : end->network_namespace;
    const bool is_fit = end->address &&
                        end->address->network().contains(end->gateway.value_or(end->address->address)) &&
                        end->gateway != end->address->address;
    if (end->gateway && !is_fit) {
      return tl::unexpected(Error::invalid(fmt::format("gateway {} of {}", end->gateway->to_string(), place),
                                           fmt::format("it is no other address of {}'s subnet", end->link),
                                           "give a gateway of the subnet"));
    }
    if (!end->address) continue;
    for (const End* before : addressed) {
      if (before->network_namespace != end->network_namespace || !overlap(*before->address, *end->address)) continue;
      return tl::unexpected(
          Error::invalid(fmt::format("subnet {} of {}", end->address->network().to_string(), end->link),
                         fmt::format("it overlaps with {} of {}, and both are links of {}",
                                     before->address->network().to_string(), before->link, place),
                         "give subnets that do not overlap with --param"));
    }
    addressed.push_back(end);
  }
  return {};
}

void Layout::add_attachments(Topology& topology) const {
  for (const auto& [one, other] : pairs_) {
    for (const auto& [end, peer] : {std::pair(&one, &other), std::pair(&other, &one)}) {
      if (end->network_namespace.empty() || !end->address) continue;
      Attachment attachment;
      attachment.network_namespace = end->network_namespace;
      if (peer->network_namespace.empty()) attachment.host_link = peer->link;
      attachment.container_link = end->link;
      attachment.addresses = {*end->address};
      attachment.gateway = end->gateway;
      topology.attachments.push_back(std::move(attachment));
    }
  }
}

void Layout::add_names(Topology& topology, std::vector<std::string>& bridges) const {
  for (const End* end : ends()) {
    if (!end->network_namespace.empty()) add_once(topology.namespaces, end->network_namespace);
    if (end->network_namespace.empty() && !end->bridge.empty()) add_once(bridges, end->bridge);
  }
  topology.links = bridges;
  for (const End* end : ends()) {
    if (end->network_namespace.empty()) topology.links.push_back(end->link);
  }
}

Result<Topology> Layout::topology() const {
  NETNS_LAB_TRY(check());
  Topology topology;
  std::vector<std::string> bridges;
  add_names(topology, bridges);
  add_attachments(topology);

  std::vector<Change>& build = topology.build;
  for (const std::string& name : topology.namespaces) build.emplace_back(CreateNamespace{name});
  build.insert(build.end(), settings_.begin(), settings_.end());
  for (const std::string& name : bridges) {
    CreateLink bridge;
    bridge.name = name;
    bridge.kind = "bridge";
    build.emplace_back(bridge);
  }
  for (const auto& [one, other] : pairs_) {
    CreateVeth pair;
    pair.network_namespace = one.network_namespace;
    pair.name = one.link;
    pair.peer_namespace = other.network_namespace;
    pair.peer_name = other.link;
    if (!one.bridge.empty()) pair.master = one.bridge;
    build.emplace_back(pair);
    if (other.bridge.empty()) continue;
    SetLink enslaved;
    enslaved.network_namespace = other.network_namespace;
    enslaved.name = other.link;
    enslaved.master = other.bridge;
    build.emplace_back(enslaved);
  }
  // A bridge has its MAC address, and from that its link-local one, from its ports.
  build.insert(build.end(), addresses_.begin(), addresses_.end());
  for (const std::string& name : topology.namespaces) build.emplace_back(raised(name, "lo"));
  for (const std::string& name : bridges) build.emplace_back(raised("", name));
  // Ports last: a bridge that is raised with a port that could forward has its operstate told by a worker that takes up
  // to a second (linkwatch_urgent_event, net/core/link_watch.c: its queue is not attached yet).
  std::vector<Change> ports;
  for (const End* end : ends()) {
    if (end->address) build.emplace_back(address_on(end->network_namespace, end->link, *end->address));
    (end->bridge.empty() ? build : ports).emplace_back(raised(end->network_namespace, end->link));
  }
  build.insert(build.end(), ports.begin(), ports.end());
  for (const End* end : ends()) {
    if (!end->gateway) continue;
    const Prefix everywhere = Prefix::default_route(end->gateway->family());
    build.emplace_back(route_by(end->network_namespace, everywhere, end->link, end->gateway));
  }
  for (const CreateNftTable& table : nft_tables_) {
    build.emplace_back(table);
    topology.tear_down.emplace_back(DeleteNftTable{"", table.family, table.name});
  }

  // Pairs go with their namespaces, some time later; what is the node's alone goes at once.
  for (const std::string& name : topology.namespaces) topology.tear_down.emplace_back(DeleteNamespace{name});
  for (const auto& [one, other] : pairs_) {
    if (one.network_namespace.empty() && other.network_namespace.empty())
      topology.tear_down.emplace_back(DeleteLink{"", one.link});
  }
  for (const std::string& name : bridges) topology.tear_down.emplace_back(DeleteLink{"", name});
  return topology;
}

}  // namespace netns_lab::suites
