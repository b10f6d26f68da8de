// For unit tests of diagnosis: a packet that was not answered, in a network of which one thing may be changed.
#pragma once

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "harness/conformance/diagnosis.h"
#include "harness/conformance/test_world.h"
#include "harness/conformance/way_back.h"

namespace netns_lab::test_world {

inline RouteAnswer out_of(const std::string& link) {
  RouteAnswer answer;
  answer.type = RouteType::kUnicast;
  answer.output_link = link;
  answer.table = kMainTable;
  return answer;
}

inline RouteAnswer local() {
  RouteAnswer answer;
  answer.type = RouteType::kLocal;
  answer.output_link = "lo";
  return answer;
}

// One echo that was not answered. Of everything about the network a row changes one thing, before the way is asked for
// (`network`) or after (`seen`).
struct Lost {
  WalkEvidence evidence;
  std::map<std::string, RouteAnswer> routes;  // by place: there
  std::map<std::string, RouteAnswer> back;

  NamespaceState& state(const std::string& name) { return evidence.world.places.at(*evidence.world.find(name)).now; }
  Place& place(const std::string& name) { return evidence.world.places.at(*evidence.world.find(name)); }
  Link& link(const std::string& name, const std::string& wanted) {
    for (Link& link : state(name).links) {
      if (link.name == wanted) return link;
    }
    throw std::logic_error("no link " + wanted);
  }
  void see(std::vector<Sighting>& in, const std::string& name, const std::string& link_name,
           PacketDirection direction) {
    Sighting sighting;
    sighting.network_namespace = name;
    sighting.link = link_name;
    sighting.direction = direction;
    sighting.kind = &in == &evidence.trace.requests ? SightingKind::kRequest : SightingKind::kReply;
    sighting.ttl = 64;
    sighting.source = *evidence.trace.source;
    sighting.destination = evidence.trace.destination;
    if (&in == &evidence.trace.replies) std::swap(sighting.source, sighting.destination);
    const Link* const own = state(name).find_link(link_name);
    if (own != nullptr) sighting.link_destination = own->mac;
    in.push_back(sighting);
  }
  // The request passes the first `points` of its way; the reply those of its own.
  void pass(std::size_t points, std::size_t back_points = 0) {
    for (std::size_t i = 0; i < points; ++i) see_at(evidence.trace.requests, evidence.there, i);
    for (std::size_t i = 0; i < back_points; ++i) see_at(evidence.trace.replies, evidence.back, i);
  }
  void see_at(std::vector<Sighting>& in, const Path& path, std::size_t at) {
    see(in, evidence.world.at(path.points[at].place).name, path.points[at].link, path.points[at].direction);
    for (std::size_t stage = 1; stage < path.stages.size(); ++stage) {  // each router takes one hop
      if (path.stages[stage].first_point <= at) --in.back().ttl;
    }
    // On a frame stands whoever takes it in next, which no port of a bridge does.
    for (std::size_t next = at; next < path.points.size(); ++next) {
      const Link* const to = evidence.world.at(path.points[next].place).now.find_link(path.points[next].link);
      if (path.points[next].direction != PacketDirection::kReceived || to->master) continue;
      in.back().link_destination = to->mac;
      break;
    }
  }
  void pass_all_there() { pass(evidence.there.points.size()); }
  IpAddress asked;  // who is asked for by ARP
  void ask(const std::string& name, const std::string& link_name, PacketDirection direction, bool question = true) {
    Sighting sighting;
    sighting.network_namespace = name;
    sighting.link = link_name;
    sighting.direction = direction;
    sighting.kind = SightingKind::kArp;
    sighting.identifier = question ? 1 : 2;
    sighting.source = question ? *evidence.trace.source : asked;
    sighting.destination = question ? asked : *evidence.trace.source;
    evidence.trace.neighbours.push_back(sighting);
  }
  // The kernel's trace: a rule of that chain of inet extra took it.
  void traced(const std::string& name, const std::string& chain) {
    place(name).filtered.push_back({.network_namespace = name,
                                    .table = "inet extra",
                                    .chain = chain,
                                    .rule = 7,
                                    .position = 2,
                                    .verdict = "drops"});
  }
  void filter(const std::string& name, const std::string& hook, const std::string& table = "inet extra") {
    state(name).filter_hooks.push_back({.table = table, .chain = "c", .hook = hook, .rules = 1, .drops = false});
  }
  void walk() {
    const auto lookup = [](std::map<std::string, RouteAnswer>& answers) {
      return [&answers](const Place& place, const RouteQuery&) { return answers.at(place.name); };
    };
    evidence.there =
        path_of(evidence.world,
                {.from = evidence.from, .destination = evidence.trace.destination, .source = evidence.trace.source},
                lookup(routes));
    if (evidence.there.end != Path::End::kArrives) return;
    evidence.back = path_of(
        evidence.world, way_back(evidence.world, evidence.trace, evidence.there, *evidence.trace.source), lookup(back));
  }
};

// Part 1: from the node (10.0.0.2) to netns1 (10.200.1.1), across veth1 and veth2.
inline Lost lost() {
  Lost made;
  const Snapshot snapshot = after();
  for (const NamespaceState& state : snapshot.namespaces)
    made.evidence.world.places.push_back({.name = state.name, .network_namespace = state.name, .now = state});
  made.state("netns1").netnsids = {{0, 100}};
  made.evidence.world.places.front().uplink = "eth0";
  made.evidence.trace.destination = ip("10.200.1.1");
  made.evidence.trace.source = ip("10.0.0.2");
  made.asked = made.evidence.trace.destination;
  made.evidence.trace.packet_size = 84;
  made.evidence.wanted = Way{"", "veth1", "netns1", "veth2"};
  made.routes = {{"", out_of("veth1")}, {"netns1", local()}};
  made.back = {{"", local()}, {"netns1", out_of("veth2")}};
  return made;
}

struct LostRow {
  const char* name;
  std::function<void(Lost&)> network;
  std::function<void(Lost&)> seen;
  Diagnosis::Step step;
  const char* says;
};
inline void PrintTo(const LostRow& row, std::ostream* out) { *out << row.name; }

inline void nothing(Lost&) {}

inline constexpr auto kSent = PacketDirection::kSent;
inline constexpr auto kReceived = PacketDirection::kReceived;

}  // namespace netns_lab::test_world
