#include "harness/conformance/packet_path.h"

#include <algorithm>
#include <set>
#include <utility>

namespace netns_lab {
namespace {

bool is_bridge(const Link& link) { return link.kind == "bridge" || !link.bridge.empty(); }

class Walker {
 public:
  Walker(const World& world, const Lookup& lookup) : world_(world), lookup_(lookup) {}

  Path walk(const PathQuestion& question) {
    World::End at{question.from, ""};
    std::optional<IpAddress> source = question.source;
    IpAddress destination = question.destination;
    std::set<std::size_t> passed;
    for (;;) {
      if (!passed.insert(at.place).second) return end(Path::End::kGoesInRings);
      const Place& place = world_.at(at.place);
      if (question.translated && question.translated->place == at.place) destination = question.translated->destination;
      RouteQuery query;
      query.network_namespace = place.network_namespace;
      query.destination = destination;
      if (question.is_bound || !at.link.empty()) query.source = source;
      query.input_link = at.link;
      Stage stage{at.place, at.link, lookup_(place, query), {}, path_.points.size(), destination};
      stage.next_hop = stage.route.gateway.value_or(destination);
      if (!source) source = stage.route.preferred_source;
      path_.stages.push_back(stage);
      if (stage.route.system_errno != 0) return end(Path::End::kRefused);
      if (stage.route.type == RouteType::kLocal) return end(Path::End::kArrives);
      if (stage.route.type != RouteType::kUnicast) return end(Path::End::kRefused);
      const Link* const out = place.now.find_link(stage.route.output_link);
      if (out == nullptr) return end(Path::End::kRefused);
      pass(at.place, out->name, PacketDirection::kSent);
      const std::optional<World::End> next = follow(at.place, *out, stage.next_hop);
      if (!next) return std::move(path_);
      at = *next;
    }
  }

 private:
  Path end(Path::End how) {
    path_.end = how;
    return std::move(path_);
  }
  void pass(std::size_t place, const std::string& link, PacketDirection direction) {
    path_.points.push_back({place, link, direction});
  }
  World::End arrive(const World::End& at) {
    pass(at.place, at.link, PacketDirection::kReceived);
    return at;
  }

  // From a link that sends to the link of whoever has that address; none (and path_.end is set) when nobody has.
  std::optional<World::End> follow(std::size_t place, const Link& out, const IpAddress& next_hop) {
    path_.end = Path::End::kNobody;
    if (out.is_loopback()) return World::End{place, out.name};
    if (is_bridge(out)) return behind_bridge({place, out.name}, "", next_hop);
    if (!world_.at(place).uplink.empty() && out.name == world_.at(place).uplink) return over_segment(place, next_hop);
    const auto far = world_.peer(place, out);
    if (!far) {
      path_.end = Path::End::kLeaves;
      return std::nullopt;
    }
    const Place& there = world_.at(far->place);
    const Link* const link = there.now.find_link(far->link);
    if (link == nullptr) return std::nullopt;
    arrive(*far);
    if (!link->master) {
      // Whoever is there answers for itself alone; what is sent to it all the same (by a neighbour entry made by hand,
      // say) goes on from there.
      if (there.has_address(next_hop)) return far;
      return std::nullopt;
    }
    const Link* const bridge = there.now.find_link(*link->master);
    if (bridge == nullptr) return std::nullopt;
    if (there.has_address(next_hop)) return arrive({far->place, bridge->name});
    return behind_bridge({far->place, bridge->name}, link->name, next_hop);
  }

  // Out of the port behind which somebody has that address, but not of the one it came in by.
  std::optional<World::End> behind_bridge(const World::End& bridge, const std::string& came_by,
                                          const IpAddress& next_hop) {
    const Place& place = world_.at(bridge.place);
    const Link* const master = place.now.find_link(bridge.link);
    for (const Link& port : place.now.links) {
      if (master == nullptr || port.master != master->index || port.name == came_by) continue;
      const auto far = world_.peer(bridge.place, port);
      if (!far || !world_.at(far->place).has_address(next_hop)) continue;
      pass(bridge.place, port.name, PacketDirection::kSent);
      return arrive(*far);
    }
    return std::nullopt;
  }

  std::optional<World::End> over_segment(std::size_t from, const IpAddress& next_hop) {
    for (std::size_t other = 0; other < world_.places.size(); ++other) {
      const Place& place = world_.at(other);
      if (other == from || place.uplink.empty() || !place.has_address(next_hop)) continue;
      return arrive({other, place.uplink});
    }
    path_.end = Path::End::kLeaves;
    return std::nullopt;
  }

  const World& world_;
  const Lookup& lookup_;
  Path path_;
};

}  // namespace

bool Place::has_address(const IpAddress& address) const {
  return std::any_of(now.addresses.begin(), now.addresses.end(),
                     [&](const InterfaceAddress& own) { return own.prefix.address == address; });
}

bool Place::lacks_own_route(const IpAddress& address) const {
  // In IPv6 it comes only when the address is in use.
  return address.is_v4() && has_address(address) &&
         std::none_of(now.routes.begin(), now.routes.end(), [&](const Route& route) {
           return route.type == RouteType::kLocal && route.destination == Prefix::host(address);
         });
}

std::int64_t Place::count(const std::string& counter) const {
  const auto found = counted.find(counter);
  return found == counted.end() ? 0 : found->second;
}

std::string Place::sysctl(const std::string& key) const {
  const auto found = now.sysctls.find(key);
  return found == now.sysctls.end() ? "" : found->second;
}

std::optional<std::size_t> World::find(const std::string& name) const {
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i].name == name) return i;
  }
  return std::nullopt;
}

std::optional<World::End> World::peer(std::size_t place, const Link& link) const {
  if (!link.peer_index) return std::nullopt;
  const Place& here = places.at(place);
  std::uint64_t inode = here.now.inode;
  if (link.peer_netnsid) {
    const auto named = here.now.netnsids.find(*link.peer_netnsid);
    if (named == here.now.netnsids.end()) return std::nullopt;
    inode = named->second;
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i].node != here.node || places[i].now.inode != inode) continue;
    const Link* const other = places[i].now.find_link(*link.peer_index);
    if (other != nullptr) return End{i, other->name};
  }
  return std::nullopt;
}

Path path_of(const World& world, const PathQuestion& question, const Lookup& lookup) {
  return Walker(world, lookup).walk(question);
}

}  // namespace netns_lab
