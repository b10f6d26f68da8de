#include "suites/common/declared_cases.h"

#include <fmt/format.h>

#include <linux/if.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "harness/base/text.h"
#include "harness/testing/matchers.h"
#include "suites/common/parameters.h"

namespace netns_lab::suites {
namespace {

// Of a veth, and of a bridge, that is up and that nobody set otherwise.
constexpr std::uint32_t kLinkFlags = IFF_BROADCAST | IFF_MULTICAST | IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
// Of the same that is down, or whose peer is: what the flags are beside that.
constexpr std::uint32_t kStateFlags = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
constexpr std::uint32_t kMostMtu = 65'535;  // of a veth (ETH_MAX_MTU)

std::string listed(const std::set<std::string>& names) {
  return names.empty() ? "none" : join(std::vector(names.begin(), names.end()), ", ");
}

// A bridge takes the least MTU of its ports (br_mtu_auto_adjust, net/bridge/br_if.c).
std::uint32_t declared_mtu(const CreateLink& link, const std::vector<Change>& build) {
  std::optional<std::uint32_t> least;
  for (const Change& change : build) {
    const auto* port = std::get_if<CreateVeth>(&change);
    if (port == nullptr || port->network_namespace != link.network_namespace || port->master != link.name) continue;
    least = std::min(least.value_or(kMostMtu), port->mtu.value_or(kEthernetMtu));
  }
  return least.value_or(kEthernetMtu);
}

// Where the requests of a failed probe ended, whatever was to be crossed: by the captures, hence as far as these look.
std::string last_seen(const EchoReport& report) {
  const Sighting* last = nullptr;
  for (const Sighting& each : report.sightings) {
    if (each.kind == SightingKind::kRequest) last = &each;
  }
  if (last == nullptr || report.answered() == report.echoes.size()) return "";
  return fmt::format("\nThe last that was seen of a request: {} at {} ({})", to_string(last->direction), last->link,
                     last->network_namespace.empty() ? "the node" : last->network_namespace);
}

}  // namespace

void DeclaredCases::judge_namespaces() {
  std::map<std::uint64_t, std::string> owners = {{state("")->inode, "the node"}};
  for (const std::string& name : topology().namespaces) {
    expect_mount_of_namespace(name);
    if (state(name) == nullptr) continue;
    expect_one_name(name);
    const auto [owner, is_new] = owners.emplace(state(name)->inode, name);
    EXPECT_TRUE(is_new) << name << " is the same network namespace as " << owner->second;
  }
}

void DeclaredCases::judge_links() {
  std::map<std::string, std::set<std::string>> ports;  // of the node's bridges and of namespaces': by PLACE/BRIDGE
  const auto judge = [&](const DeclaredLink& declared, const std::string& kind, std::uint32_t mtu) {
    const NamespaceState* place = state(declared.network_namespace);
    ASSERT_NE(place, nullptr) << "there is no " << place_text(declared.network_namespace);
    EXPECT_THAT(*place, HasLink(declared.name, OfKind(kind)));
    const Link* found = place->find_link(declared.name);
    if (found == nullptr) return;
    EXPECT_EQ(found->mtu, mtu) << "MTU of " << declared.name << " in " << place_text(declared.network_namespace);
    EXPECT_TRUE((found->flags & ~kStateFlags) == (kLinkFlags & ~kStateFlags))
        << "flags of " << declared.name << " in " << place_text(declared.network_namespace)
        << ": BROADCAST and MULTICAST are expected, beside those of its state, and seen is " << *found;
  };
  for (const Change& change : topology().build) {
    if (const auto* pair = std::get_if<CreateVeth>(&change)) {
      const DeclaredLink one{pair->network_namespace, pair->name, pair->group};
      const DeclaredLink other{pair->peer_namespace, pair->peer_name, 0};
      for (const DeclaredLink& end : {one, other}) judge(end, "veth", pair->mtu.value_or(kEthernetMtu));
      if (HasFatalFailure()) return;
      expect_pair(one, other);
      if (pair->master) ports[one.network_namespace + "/" + *pair->master].insert(one.name);
    } else if (const auto* link = std::get_if<CreateLink>(&change)) {
      judge({link->network_namespace, link->name, 0}, link->kind, declared_mtu(*link, topology().build));
      ports[link->network_namespace + "/" + link->name];
    } else if (const auto* set = std::get_if<SetLink>(&change);
               set != nullptr && set->master && !set->master->empty()) {
      ports[set->network_namespace + "/" + *set->master].insert(set->name);
    }
  }
  for (const auto& [bridge, declared] : ports) {
    const std::string place = bridge.substr(0, bridge.rfind('/'));
    const std::string name = bridge.substr(bridge.rfind('/') + 1);
    const Link* found = link(place, name);
    if (found == nullptr) continue;  // told above
    std::set<std::string> seen;
    for (const Link& each : state(place)->links) {
      if (each.master == found->index) seen.insert(each.name);
    }
    EXPECT_EQ(seen, declared) << name << " should have the ports " << listed(declared) << ", and has " << listed(seen);
  }
  for (const DeclaredLink& each : declared().links) {
    const Link* found = link(each.network_namespace, each.name);
    const bool is_port = std::any_of(ports.begin(), ports.end(), [&](const auto& entry) {
      return entry.first.starts_with(each.network_namespace + "/") && entry.second.contains(each.name);
    });
    if (found == nullptr || is_port) continue;
    EXPECT_THAT(*found, WithoutMaster()) << each.name;
  }
}

void DeclaredCases::expect_in(const std::string& network_namespace,
                              const ::testing::Matcher<const NamespaceState&>& matcher) {
  const NamespaceState* place = state(network_namespace);
  ASSERT_NE(place, nullptr) << "there is no " << place_text(network_namespace);
  EXPECT_THAT(*place, matcher);
}

void DeclaredCases::judge_links_up() {
  for (const DeclaredLink& each : declared().links)
    expect_in(each.network_namespace, HasLink(each.name, UpWithCarrier(OperState::kUp)));
  // lo never reports more than UNKNOWN.
  for (const std::string& name : topology().namespaces)
    expect_in(name, HasLink("lo", UpWithCarrier(OperState::kUnknown)));
}

void DeclaredCases::judge_addresses() {
  for (const DeclaredLink& each : declared().links) {
    expect_in(each.network_namespace,
              HasExactlyAddresses(each.name, declared_addresses(each.network_namespace, each.name)));
  }
}

void DeclaredCases::judge_routes() {
  for (const DeclaredRoute& each : declared().routes) expect_in(each.network_namespace, HasExactlyRoute(each.route));
  for (const DeclaredSysctl& each : declared().sysctls) {
    const NamespaceState* place = state(each.network_namespace);
    ASSERT_NE(place, nullptr) << "there is no " << place_text(each.network_namespace);
    const auto found = place->sysctls.find(each.key);
    if (found == place->sysctls.end()) {
      lab_failed(Error::missing(each.key + " of " + place_text(each.network_namespace), "it was not read"));
    }
    EXPECT_EQ(found->second, each.value) << each.key << " in " << place_text(each.network_namespace);
  }
}

void DeclaredCases::judge_neighbours() {
  judge_undeclared(Area::kNeighbours);
  // What is known of each other (by the target's own packets, if it sent any) is what they are.
  for (const DeclaredAddress& owned : declared().addresses) {
    const Link* owner = link(owned.network_namespace, owned.link);
    for (const DeclaredLink& each : declared().links)
      expect_known_by(owner, state(each.network_namespace), each.name, owned.prefix.address);
  }
}

void DeclaredCases::judge_forwarding() { judge_undeclared(Area::kForwarding); }

DeclaredCases::Pairs DeclaredCases::both_ways(std::size_t one, std::size_t other) const {
  return {{container(one), container(other)}, {container(other), container(one)}};
}

Way DeclaredCases::way(const Attachment& from, const Attachment& to) {
  return {from.network_namespace, from.container_link, to.network_namespace, to.container_link};
}

RouteAnswer DeclaredCases::way_chosen(const std::string& network_namespace, const IpAddress& destination) {
  RouteQuery query;
  query.network_namespace = network_namespace;
  query.destination = destination;
  return lookup(query);
}

void DeclaredCases::expect_reached(Subject& subject, const Pairs& pairs, const Packet& packet) {
  std::vector<std::string> everywhere = topology().namespaces;
  everywhere.emplace_back();
  std::vector<EchoSpec> specs;
  for (const auto& [from, to] : pairs) {
    specs.push_back(echoes(from.network_namespace, address_of(to), packet.payload, packet.dont_fragment, everywhere));
  }
  const std::vector<EchoReport> reports = ping_on(subject, specs);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& [from, to] = pairs.at(i);
    EXPECT_THAT(reports.at(i), EveryEchoAnswered(From(address_of(to)), SentFrom(address_of(from)),
                                                 Crossing(way(from, to)), ArrivingWithTtl(packet.ttl), PayloadIntact()))
        << last_seen(reports.at(i));
  }
}

void DeclaredCases::expect_served(const Pairs& pairs) {
  for (const auto& [from, to] : pairs) {
    for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
      EXPECT_THAT(talk(talk_between(transport, from.network_namespace, to.network_namespace, address_of(to))),
                  CameBackIntact(way(from, to)));
    }
  }
}

void DeclaredCases::expect_gateway_chosen(const Pairs& pairs) {
  for (const auto& [from, to] : pairs) {
    ASSERT_NE(state(from.network_namespace), nullptr) << "there is no " << place_text(from.network_namespace);
    EXPECT_THAT(way_chosen(from.network_namespace, address_of(to)),
                Chooses(from.container_link, from.gateway, address_of(from)));
  }
}

void DeclaredCases::expect_node_apart() {
  for (const Attachment& each : topology().attachments) {
    const RouteAnswer answer = way_chosen("", address_of(each));
    EXPECT_FALSE(declared().has_link("", answer.output_link))
        << "the node sends packets for " << each.network_namespace << ", " << address_of(each) << ", out of "
        << answer.output_link << ": " << answer;
  }
}

}  // namespace netns_lab::suites
