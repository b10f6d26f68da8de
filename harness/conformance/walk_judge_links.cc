// WalkJudge between neighbours: who has the next hop, what lies on the wire, and within a bridge.
#include <fmt/format.h>
#include <net/if.h>

#include <linux/neighbour.h>

#include <algorithm>

#include "harness/base/text.h"
#include "harness/conformance/walk_judge.h"

namespace netns_lab {
namespace {

using Step = Diagnosis::Step;

constexpr std::uint32_t kPortForwarding = 3;  // BR_STATE_FORWARDING, linux/if_bridge.h

// Sighting::identifier of neighbour resolution: RFC 826; RFC 4861, 4.3 and 4.4.
std::uint16_t question_of(bool v4) { return v4 ? 1 : 135; }
std::uint16_t answer_of(bool v4) { return v4 ? 2 : 136; }

std::string port_state_text(std::uint32_t state) {
  switch (state) {
    case 0:
      return "disabled";
    case 1:
      return "listening";
    case 2:
      return "learning";
    case kPortForwarding:
      return "forwarding";
    case 4:
      return "blocking";
    default:
      return fmt::format("{}", state);
  }
}

std::uint32_t setting(const BridgeSettings& settings, const std::string& name, std::uint32_t otherwise) {
  const auto found = settings.find(name);
  return found == settings.end() ? otherwise : found->second;
}

}  // namespace

std::optional<Diagnosis> judge_link(const World& world, std::size_t place, const std::string& link) {
  const std::string where = world.at(place).said();
  const Link* const found = world.at(place).now.find_link(link);
  if (found == nullptr) return Diagnosis{Step::kLink, fmt::format("{} has no link {}", where, link)};
  if (!found->is_up()) {
    return Diagnosis{Step::kLink,
                     fmt::format("{} in {} is down: nobody raised it (ip link set {} up)", link, where, link)};
  }
  if (found->carrier) return std::nullopt;
  const auto peer = world.peer(place, *found);
  const Link* const other = peer ? world.at(peer->place).now.find_link(peer->link) : nullptr;
  std::string why = "the other end of the pair is down or missing";
  if (other != nullptr && !other->is_up()) {
    why = fmt::format("its other end, {} in {}, is down (ip link set {} up, there)", other->name,
                      world.at(peer->place).said(), other->name);
  }
  return Diagnosis{Step::kLink, fmt::format("{} in {} has no carrier: {}", link, where, why)};
}

bool WalkJudge::saw_neighbours(const Point& point, Part part, PacketDirection direction, const IpAddress& about) const {
  const bool is_question = part == Part::kQuestion;
  const std::uint16_t wanted = is_question ? question_of(v4_) : answer_of(v4_);
  return std::any_of(evidence_.trace.neighbours.begin(), evidence_.trace.neighbours.end(),
                     [&](const Sighting& sighting) {
                       return sighting.network_namespace == place(point).name && sighting.link == point.link &&
                              sighting.identifier == wanted && sighting.direction == direction &&
                              (is_question ? sighting.destination : sighting.source) == about;
                     });
}

// Why whoever has that address, at that point, does not say so.
std::string WalkJudge::why_unanswered(const Point& owner, const IpAddress& address) const {
  const Place& there = place(owner);
  const Link* const own = link(owner);
  if (!there.has_address(address)) {
    std::vector<std::string> has;
    for (const InterfaceAddress& one : there.now.addresses) {
      if (one.link == owner.link && one.prefix.address.is_v4() == v4_) has.push_back(one.prefix.address.to_string());
    }
    return fmt::format("it has not that address (its {} has {})", owner.link, has.empty() ? "none" : join(has, ", "));
  }
  if (own != nullptr && (own->flags & IFF_NOARP) != 0)
    return fmt::format("ARP is off on {} (ip link set {} arp on)", owner.link, owner.link);
  if (there.lacks_own_route(address)) return fmt::format("it has the address, but {}", kOwnRouteGone);
  const bool is_on_link = std::any_of(there.now.addresses.begin(), there.now.addresses.end(), [&](const auto& one) {
    return one.link == owner.link && one.prefix.address == address;
  });
  for (const std::string& of : {owner.link, std::string("all")}) {
    const std::string ignore = there.sysctl("net.ipv4.conf." + of + ".arp_ignore");
    // 1 answers for what the link itself has (arp_ignore(), net/ipv4/arp.c).
    if (v4_ && !ignore.empty() && ignore != "0" && (ignore != "1" || !is_on_link))
      return fmt::format("net.ipv4.conf.{}.arp_ignore is {}", of, ignore);
  }
  // ARP is seen by its own family alone, neighbour discovery by that of every packet.
  const std::string found = v4_ ? filters(owner.place, {"input", "output"}, "arp")
                                : filters(owner.place, {"prerouting", "input", "output", "postrouting"});
  if (!found.empty()) return "a filter drops the question or the answer: " + found;
  const std::string early = filters(owner.place, {"ingress", "egress"});
  if (!early.empty()) return "a filter drops the question or the answer: " + early;
  return v4_ ? "it has the address, and nothing there tells why"
             : "its address is not usable yet, or something between drops the question";
}

std::optional<Diagnosis> WalkJudge::judge_resolution(std::size_t at) const {
  const Stage& stage = path_.stages[stage_before(at)];
  const Point& out = path_.points[at];
  const Place& here = place(out);
  const std::string protocol = v4_ ? "ARP" : "neighbour discovery";
  const IpAddress& address = stage.next_hop;
  const bool was_asked = saw_neighbours(out, Part::kQuestion, PacketDirection::kSent, address);
  const auto entry = std::find_if(here.now.neighbours.begin(), here.now.neighbours.end(), [&](const Neighbour& known) {
    return known.link == out.link && known.address == address && (known.state & (NUD_FAILED | NUD_INCOMPLETE)) != 0;
  });
  if (!was_asked && entry == here.now.neighbours.end()) return std::nullopt;
  if (was_asked && saw_neighbours(out, Part::kAnswer, PacketDirection::kReceived, address)) return std::nullopt;
  const std::string asked =
      fmt::format("{}{} asked by {} who has {}", so_far(at), text(out), protocol, address.to_string());
  // Where the question must arrive: at the last of the points at which something is taken in before the next stage.
  const Point* owner = nullptr;
  for (std::size_t next = at + 1; next < path_.points.size() && !begins_stage(next); ++next) {
    if (path_.points[next].direction == PacketDirection::kReceived) owner = &path_.points[next];
  }
  const bool leaves = path_.end == Path::End::kLeaves;
  if (owner == nullptr || (path_.end == Path::End::kNobody && place(*owner).uplink.empty() && link(*owner) != nullptr &&
                           link(*owner)->master)) {
    return Diagnosis{Step::kNeighbour, asked + (leaves ? ", which is no machine of this lab, and nobody answered"
                                                       : ", and nobody on that link has that address")};
  }
  const bool arrived = saw_neighbours(*owner, Part::kQuestion, PacketDirection::kReceived, address);
  for (std::size_t next = at + 1; !arrived && next < path_.points.size() && !begins_stage(next); ++next) {
    auto found = is_within_bridge(next) ? judge_bridge(next, asked + ", and the question was not passed on; ")
                                        : judge_link(path_.points[next]);
    if (found) return found;
  }
  if (was_asked && !arrived) {
    if (const std::string found = filters(out.place, {"output"}, "arp"); v4_ && !found.empty())
      return Diagnosis{Step::kNeighbour,
                       fmt::format("{}, and the question never left: a filter drops it: {}", asked, found)};
    return Diagnosis{Step::kNeighbour, fmt::format("{}, and the question never arrived at {}: the two are not joined, "
                                                   "or something between drops it",
                                                   asked, text(*owner))};
  }
  if (was_asked && saw_neighbours(*owner, Part::kAnswer, PacketDirection::kSent, address)) {
    return Diagnosis{Step::kNeighbour,
                     fmt::format("{}; {} answered, and the answer never came back", asked, text(*owner))};
  }
  return Diagnosis{Step::kNeighbour,
                   fmt::format("{}{}, and {} did not answer: {}", asked,
                               was_asked ? fmt::format("; the question arrived at {}", text(*owner)) : "",
                               place(*owner).said(), why_unanswered(*owner, address))};
}

std::optional<Diagnosis> WalkJudge::judge_wire(std::size_t at) const {
  const Point& from = path_.points[at - 1];
  const Point& to = path_.points[at];
  if (auto found = judge_link(to)) return found;
  const Link* const near = link(from);
  const Link* const far = link(to);
  if (near == nullptr || far == nullptr) return std::nullopt;
  const std::uint32_t size = std::min(evidence_.trace.packet_size, near->mtu);
  if (far->mtu < near->mtu && size > far->mtu) {
    return Diagnosis{Step::kWire, fmt::format("{} left {}, whose MTU is {}, and is larger than {} takes: its MTU is {} "
                                              "(both ends need the same one, {} or {}: ip link set … mtu …)",
                                              what(), text(from), near->mtu, text(to), far->mtu, near->mtu, far->mtu)};
  }
  if (far->xdp_attached) {
    return Diagnosis{Step::kWire, fmt::format("{} left {} and never arrived at {}: an XDP program is attached there",
                                              what(), text(from), text(to))};
  }
  return std::nullopt;
}

bool WalkJudge::is_within_bridge(std::size_t at) const {
  const Point& from = path_.points[at - 1];
  const Point& to = path_.points[at];
  const bool is_wire = from.direction == PacketDirection::kSent && to.direction == PacketDirection::kReceived;
  return from.place == to.place && !is_wire;
}

// Between a bridge and its ports, in one namespace.
std::optional<Diagnosis> WalkJudge::judge_bridge(std::size_t at, const std::string& before) const {
  const Point& from = path_.points[at - 1];
  const Point& to = path_.points[at];
  const Place& here = place(to);
  if (auto found = judge_link(to)) return found;
  for (const Point& point : {from, to}) {
    const Link* const port = link(point);
    if (port == nullptr || port->bridge_port.empty()) continue;
    const std::uint32_t state = setting(port->bridge_port, "state", kPortForwarding);
    if (state == kPortForwarding) continue;
    return Diagnosis{Step::kBridge, fmt::format("{}the bridge's port {} in {} is {}, not forwarding "
                                                "(bridge link set dev {} state 3)",
                                                before, point.link, here.said(), port_state_text(state), point.link)};
  }
  const Link* const near = link(from);
  const Link* const far = link(to);
  if (near != nullptr && far != nullptr && setting(near->bridge_port, "isolated", 0) != 0 &&
      setting(far->bridge_port, "isolated", 0) != 0) {
    return Diagnosis{Step::kBridge,
                     fmt::format("{}both ports, {} and {}, are isolated: a bridge passes nothing between such "
                                 "(bridge link set dev {} isolated off)",
                                 before, from.link, to.link, to.link)};
  }
  const Sighting* const sighting = sighting_at(from);
  const bool for_the_bridge = to.direction == PacketDirection::kReceived;
  if (for_the_bridge && sighting != nullptr && far != nullptr && sighting->link_destination != far->mac) {
    return Diagnosis{
        Step::kNeighbour,
        fmt::format("{} arrived at {} addressed to {}, and {} is {}: its sender has a wrong neighbour "
                    "entry (ip neighbour show)",
                    what(), text(from), sighting->link_destination.to_string(), to.link, far->mac.to_string())};
  }
  if (!for_the_bridge && sighting != nullptr) {
    for (const ForwardingEntry& entry : here.now.forwarding) {
      if (entry.mac != sighting->link_destination || entry.link == to.link) continue;
      return Diagnosis{Step::kBridge, fmt::format("{}the bridge {} takes {} to be behind {}, not behind {} "
                                                  "(bridge fdb show)",
                                                  before, entry.bridge, entry.mac.to_string(), entry.link, to.link)};
    }
  }
  const std::string found = filters(to.place, {"prerouting", "input", "forward", "output", "postrouting"}, "bridge");
  if (!found.empty()) {
    return Diagnosis{Step::kBridge, fmt::format("{}it never came to {}: a filter of the bridge drops it: {}", before,
                                                text(to), found)};
  }
  const std::string nf =
      here.sysctl(v4_ ? "net.bridge.bridge-nf-call-iptables" : "net.bridge.bridge-nf-call-ip6tables");
  if (const std::string ip = filters(to.place, {"prerouting", "forward", "postrouting"}); nf == "1" && !ip.empty()) {
    return Diagnosis{Step::kBridge, fmt::format("{}it never came to {}: a packet filter, which sees what crosses the "
                                                "bridge too (bridge-nf-call-iptables is 1): {}",
                                                before, text(to), ip)};
  }
  return std::nullopt;
}

}  // namespace netns_lab
