#include "harness/conformance/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "harness/conformance/declaration.h"

namespace netns_lab {
namespace {

using Step = Diagnosis::Step;

// Sightings by place, kind and direction.
bool seen(const EchoEvidence& evidence, const std::string& network_namespace, const std::string& link,
          SightingKind kind, PacketDirection direction) {
  return std::any_of(evidence.report.sightings.begin(), evidence.report.sightings.end(), [&](const Sighting& sighting) {
    return sighting.network_namespace == network_namespace && sighting.link == link && sighting.kind == kind &&
           sighting.direction == direction;
  });
}

std::optional<Diagnosis> judge_namespaces(const EchoEvidence& evidence) {
  if (!evidence.now) return std::nullopt;
  for (const auto& name : {evidence.way.near_namespace, evidence.way.far_namespace}) {
    if (evidence.now->find_namespace(name) == nullptr) {
      return Diagnosis{Step::kNamespace,
                       fmt::format("there is no namespace {}: nothing can be sent from it or to it", name)};
    }
  }
  return std::nullopt;
}

std::optional<Diagnosis> judge_link(const EchoEvidence& evidence, const std::string& network_namespace,
                                    const std::string& name, Step step) {
  if (!evidence.now) return std::nullopt;
  const NamespaceState* state = evidence.now->find_namespace(network_namespace);
  if (state == nullptr) return std::nullopt;
  const std::string place = place_text(network_namespace);
  const Link* link = state->find_link(name);
  if (link == nullptr) return Diagnosis{step, fmt::format("{} has no link {}", place, name)};
  if (!link->is_up())
    return Diagnosis{step, fmt::format("{} in {} is down: nobody raised it (ip link set {} up)", name, place, name)};
  if (!link->carrier)
    return Diagnosis{step,
                     fmt::format("{} in {} has no carrier: the other end of the pair is down or missing", name, place)};
  return std::nullopt;
}

std::optional<Diagnosis> judge_route(const EchoEvidence& evidence) {
  if (!evidence.there) return std::nullopt;
  const RouteAnswer& answer = *evidence.there;
  const std::string place = place_text(evidence.way.near_namespace);
  const std::string destination = evidence.report.spec.destination.to_string();
  if (answer.system_errno != 0) {
    return Diagnosis{Step::kRoute, fmt::format("{} has no way to {}: asked for a route, its kernel says {}", place,
                                               destination, refusal_text(answer))};
  }
  if (answer.type == RouteType::kLocal) {
    return Diagnosis{Step::kRoute,
                     fmt::format("{} is an address of {} itself: the packet never leaves it", destination, place)};
  }
  if (answer.type != RouteType::kUnicast) {
    return Diagnosis{Step::kRoute, fmt::format("in {} the route to {} is of type {}: its kernel throws the packet away",
                                               place, destination, to_string(answer.type))};
  }
  if (answer.output_link != evidence.way.near_link) {
    return Diagnosis{Step::kRoute, fmt::format("{} sends packets for {} out of {}, not out of {}: another route is the "
                                               "better match, or the right one is missing",
                                               place, destination, answer.output_link, evidence.way.near_link)};
  }
  return std::nullopt;
}

std::optional<Diagnosis> judge_sending(const EchoEvidence& evidence) {
  const EchoReport& report = evidence.report;
  const std::string place = place_text(evidence.way.near_namespace);
  if (report.open_errno != 0) {
    return Diagnosis{Step::kSend, fmt::format("no socket for it in {}: {}", place, report.open_text)};
  }
  const auto refused =
      std::find_if(report.echoes.begin(), report.echoes.end(), [](const Echo& echo) { return echo.send_errno != 0; });
  if (refused == report.echoes.end()) return std::nullopt;
  std::string why;
  if (refused->send_errno == EPERM) why = ": a packet filter (OUTPUT) drops it";
  if (refused->send_errno == EMSGSIZE) why = ": it is larger than the MTU of its way and may not be fragmented";
  return Diagnosis{Step::kSend,
                   fmt::format("the kernel of {} refused to send: {}{}", place, errno_name(refused->send_errno), why)};
}

std::optional<Diagnosis> judge_problems(const EchoEvidence& evidence) {
  for (const Echo& echo : evidence.report.echoes) {
    for (const IcmpProblem& problem : echo.problems) {
      // Raised by our own kernel after neighbour resolution failed: told below, with what was seen of it.
      if (!problem.local) return Diagnosis{Step::kReceiver, to_string(problem)};
    }
  }
  return std::nullopt;
}

// The interface at the far end takes no frame that is larger than its own MTU.
std::optional<Diagnosis> judge_mtu(const EchoEvidence& evidence, const Way& way, const std::string& what) {
  if (!evidence.now) return std::nullopt;
  const NamespaceState* near = evidence.now->find_namespace(way.near_namespace);
  const NamespaceState* far = evidence.now->find_namespace(way.far_namespace);
  const Link* from = near == nullptr ? nullptr : near->find_link(way.near_link);
  const Link* to = far == nullptr ? nullptr : far->find_link(way.far_link);
  if (from == nullptr || to == nullptr || to->mtu >= from->mtu) return std::nullopt;
  const std::uint32_t headers = evidence.report.spec.destination.is_v4() ? 28 : 48;
  if (std::min(evidence.report.spec.payload_size + headers, from->mtu) <= to->mtu) return std::nullopt;
  return Diagnosis{
      Step::kLink,
      fmt::format("{} left {}, whose MTU is {}, and is larger than {} takes: its MTU is {} (ip link set {} "
                  "mtu {})",
                  what, way.near_link, from->mtu, way.far_link, to->mtu, way.far_link, from->mtu)};
}

// It arrived, but addressed to another interface, which is thrown away (PACKET_OTHERHOST): the sender knows a neighbour
// that is not there.
std::optional<Diagnosis> judge_addressee(const EchoEvidence& evidence, const Way& way, SightingKind kind, Step step,
                                         const std::string& what) {
  if (!evidence.now) return std::nullopt;
  const NamespaceState* far = evidence.now->find_namespace(way.far_namespace);
  const Link* to = far == nullptr ? nullptr : far->find_link(way.far_link);
  if (to == nullptr) return std::nullopt;
  for (const Sighting& sighting : evidence.report.sightings) {
    if (sighting.network_namespace != way.far_namespace || sighting.link != way.far_link || sighting.kind != kind ||
        sighting.direction != PacketDirection::kReceived || sighting.link_destination == to->mac)
      continue;
    return Diagnosis{step, fmt::format("{} arrived at {} addressed to {}, and {} is {}: {} has a wrong neighbour entry "
                                       "(ip neighbour show)",
                                       what, way.far_link, sighting.link_destination.to_string(), way.far_link,
                                       to->mac.to_string(), place_text(way.near_namespace))};
  }
  return std::nullopt;
}

// Sightings of neighbour resolution. Questions and answers are told apart by Sighting::identifier: RFC 826; RFC
// 4861, 4.3 and 4.4.
enum class Part { kQuestion, kAnswer };
bool seen_resolving(const EchoEvidence& evidence, const std::string& network_namespace, const std::string& link,
                    Part part, PacketDirection direction) {
  const bool v4 = evidence.report.spec.destination.is_v4();
  const SightingKind kind = v4 ? SightingKind::kArp : SightingKind::kNeighbourDiscovery;
  const std::uint16_t wanted = part == Part::kQuestion ? (v4 ? 1 : 135) : (v4 ? 2 : 136);
  return std::any_of(evidence.report.sightings.begin(), evidence.report.sightings.end(), [&](const Sighting& sighting) {
    return sighting.network_namespace == network_namespace && sighting.link == link && sighting.kind == kind &&
           sighting.identifier == wanted && sighting.direction == direction;
  });
}

std::optional<Diagnosis> judge_resolution(const EchoEvidence& evidence, const Way& way, Step step,
                                          const std::string& whose) {
  const bool v4 = evidence.report.spec.destination.is_v4();
  const std::string protocol = v4 ? "ARP" : "neighbour discovery";
  if (!seen_resolving(evidence, way.near_namespace, way.near_link, Part::kQuestion, PacketDirection::kSent)) {
    return Diagnosis{step, fmt::format("{} never left {} in {}, and no {} question for it did: a packet filter, or a "
                                       "neighbour entry that is wrong or failed",
                                       whose, way.near_link, place_text(way.near_namespace), protocol)};
  }
  if (!seen_resolving(evidence, way.far_namespace, way.far_link, Part::kQuestion, PacketDirection::kReceived)) {
    return Diagnosis{step,
                     fmt::format("{} asked by {} who has the next hop, and the question never arrived at {}: the two "
                                 "are not joined",
                                 way.near_link, protocol, way.far_link)};
  }
  if (!seen_resolving(evidence, way.far_namespace, way.far_link, Part::kAnswer, PacketDirection::kSent)) {
    return Diagnosis{
        step, fmt::format("{} asked by {} who has the next hop; the question arrived at {}, and nobody in {} answered: "
                          "the address asked for is not there, or {} does not answer ({})",
                          way.near_link, protocol, way.far_link, place_text(way.far_namespace), way.far_link,
                          v4 ? "NOARP, arp_ignore" : "the address is not usable yet")};
  }
  return std::nullopt;
}

Diagnosis judge_receiver(const EchoEvidence& evidence) {
  const Way& way = evidence.way;
  const std::string far = place_text(way.far_namespace);
  const IpAddress& destination = evidence.report.spec.destination;
  if (evidence.now) {
    const NamespaceState* state = evidence.now->find_namespace(way.far_namespace);
    const bool has = state != nullptr && std::any_of(state->addresses.begin(), state->addresses.end(),
                                                     [&](const InterfaceAddress& address) {
                                                       return address.prefix.address == destination;
                                                     });
    if (!has)
      return {Step::kReceiver, fmt::format("the request arrived at {}, but {} is no address of {}", way.far_link,
                                           destination.to_string(), far)};
  }
  if (evidence.back && evidence.back->system_errno != 0) {
    const char* const hint = evidence.back->system_errno == ENETUNREACH ? ". A default route is missing" : "";
    return {Step::kWayBack, fmt::format("the request arrived at {}, and {} has no way back to the sender: its kernel "
                                        "says {}{}",
                                        way.far_link, far, refusal_text(*evidence.back), hint)};
  }
  if (evidence.back && evidence.back->output_link != way.far_link) {
    return {Step::kWayBack, fmt::format("the request arrived at {}, and {} would answer out of {}: the way back "
                                        "differs (and a reverse-path filter drops such a request)",
                                        way.far_link, far, evidence.back->output_link)};
  }
  if (auto unresolved = judge_resolution(evidence, way.reversed(), Step::kReplyNeighbour, "the reply"); unresolved) {
    unresolved->text = fmt::format("the request arrived at {}; {}", way.far_link, unresolved->text);
    return *unresolved;
  }
  return {Step::kReceiver, fmt::format("the request arrived at {}, and {} did not answer: a packet filter (INPUT), a "
                                       "reverse-path filter, or icmp_echo_ignore_all",
                                       way.far_link, far)};
}

}  // namespace

Diagnosis diagnose(const EchoEvidence& evidence) {
  const Way& way = evidence.way;
  if (!evidence.report.echoes.empty() && evidence.report.answered() == evidence.report.echoes.size())
    return {Step::kNone, "every echo was answered"};
  if (auto found = judge_namespaces(evidence)) return *found;
  if (auto found = judge_link(evidence, way.near_namespace, way.near_link, Step::kSenderLink)) return *found;
  if (auto found = judge_link(evidence, way.far_namespace, way.far_link, Step::kReceiverLink)) return *found;
  if (auto found = judge_route(evidence)) return *found;
  if (auto found = judge_sending(evidence)) return *found;
  const bool left = seen(evidence, way.near_namespace, way.near_link, SightingKind::kRequest, PacketDirection::kSent);
  const bool arrived =
      seen(evidence, way.far_namespace, way.far_link, SightingKind::kRequest, PacketDirection::kReceived);
  const bool answered = seen(evidence, way.far_namespace, way.far_link, SightingKind::kReply, PacketDirection::kSent);
  const bool came_back =
      seen(evidence, way.near_namespace, way.near_link, SightingKind::kReply, PacketDirection::kReceived);
  if (auto found = judge_problems(evidence)) return *found;
  if (!left && !arrived) {
    if (auto found = judge_resolution(evidence, way, Step::kNeighbour, "the request")) return *found;
    return {Step::kNeighbour, fmt::format("the next hop was resolved, but the request never left {}", way.near_link)};
  }
  if (auto found = !arrived ? judge_mtu(evidence, way, "the request") : std::nullopt) return *found;
  if (!arrived)
    return {Step::kLink, fmt::format("the request left {} and never arrived at {}: they are not each other's peer, or "
                                     "something between drops it",
                                     way.near_link, way.far_link)};
  if (auto found = judge_addressee(evidence, way, SightingKind::kRequest, Step::kNeighbour, "the request"))
    return *found;
  if (!answered) return judge_receiver(evidence);
  if (auto found = !came_back ? judge_mtu(evidence, way.reversed(), "the reply") : std::nullopt) return *found;
  if (!came_back)
    return {Step::kWayBack, fmt::format("the reply left {} and never came back to {}", way.far_link, way.near_link)};
  if (auto found = judge_addressee(evidence, way.reversed(), SightingKind::kReply, Step::kReplyNeighbour, "the reply"))
    return *found;
  return {Step::kDelivery, fmt::format("the reply came back to {}, and the kernel of {} did not hand it over: a packet "
                                       "filter (INPUT) or a reverse-path filter",
                                       way.near_link, place_text(way.near_namespace))};
}

}  // namespace netns_lab
