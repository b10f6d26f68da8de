#include "harness/conformance/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "harness/base/error.h"
#include "harness/conformance/walk_judge.h"

namespace netns_lab {
namespace {

using Step = Diagnosis::Step;
using Direction = WalkJudge::Direction;

// The two ends of a claim, before anything that a kernel says: a link that is down takes its routes with it.
std::optional<Diagnosis> judge_wanted_ends(const WalkEvidence& evidence) {
  if (!evidence.wanted) return std::nullopt;
  const Way& way = *evidence.wanted;
  for (const auto& [name, link_name] :
       {std::pair(way.near_namespace, way.near_link), std::pair(way.far_namespace, way.far_link)}) {
    const auto place = evidence.world.find(name);
    if (!place) {
      return Diagnosis{Step::kNamespace,
                       fmt::format("there is no namespace {}: nothing can be sent from it or to it", name)};
    }
    if (auto found = judge_link(evidence.world, *place, link_name)) return found;
  }
  return std::nullopt;
}

// Of a route that is wanted and there: what comes before the main table. Named is a rule that is the only one that can
// have done it.
std::string overruled(const NamespaceState& state, const IpAddress& address) {
  constexpr std::uint32_t kMainPriority = 32766;
  std::vector<const RoutingRule*> possible;
  for (const RoutingRule& rule : state.rules) {
    if (rule.family != address.family() || rule.priority == 0 || rule.priority >= kMainPriority) continue;
    if (!rule.destination || rule.destination->contains(address)) possible.push_back(&rule);
  }
  if (possible.size() != 1) return "something overrules it (ip rule show; ip route show table all)";
  std::ostringstream text;
  text << *possible.front();
  return fmt::format("a routing rule overrules it (ip rule show): {}", text.str());
}

// The ordinary route to that address alone, in the main table; null when there is none.
const Route* host_route(const NamespaceState& state, const IpAddress& address) {
  for (const Route& route : state.routes) {
    if (route.table == kMainTable && route.tos == 0 && !route.source && route.destination == Prefix::host(address))
      return &route;
  }
  return nullptr;
}

// By which way `from` could reach what a link of `owner` has: what a learner forgot. "" where that is not plain.
std::string mend_of(const World& world, std::size_t from, std::size_t owner, const std::string& link_name,
                    const IpAddress& address) {
  const Route* const there = host_route(world.at(from).now, address);
  const char* const verb = there == nullptr ? "add" : "replace";
  const Link* const link = world.at(owner).now.find_link(link_name);
  const auto peer = link == nullptr ? std::nullopt : world.peer(owner, *link);
  if (peer && peer->place == from) {
    const Link* const end = world.at(from).now.find_link(peer->link);
    const Link* const bridge = end != nullptr && end->master ? world.at(from).now.find_link(*end->master) : nullptr;
    const std::string out = bridge == nullptr ? peer->link : bridge->name;
    const std::string end_text = bridge == nullptr ? peer->link : fmt::format("{}, a port of {}", peer->link, out);
    const Link* const way_out = world.at(from).now.find_link(out);
    const bool works = way_out != nullptr && way_out->is_up() && way_out->carrier;
    if (there != nullptr && there->type == RouteType::kUnicast && there->hops.size() == 1 &&
        there->hops.front().link == out && !there->hops.front().gateway && works) {
      return fmt::format(", whose other end is {}: the main table has that route, and {}", end_text,
                         overruled(world.at(from).now, address));
    }
    return fmt::format(", whose other end is {}: ip route {} {} dev {}", end_text, verb, address.to_string(), out);
  }
  if (world.at(from).uplink.empty() || world.at(from).node == world.at(owner).node) return "";
  for (const Place& router : world.places) {
    if (router.node != world.at(owner).node || router.uplink.empty()) continue;
    for (const InterfaceAddress& own : router.now.addresses) {
      if (own.link != router.uplink || own.prefix.address.family() != address.family() ||
          own.prefix.address.is_link_local() || own.prefix.address == address)
        continue;
      return fmt::format(", behind {}: ip route {} {} via {}", router.said(), verb, address.to_string(),
                         own.prefix.address.to_string());
    }
  }
  return "";
}

// Where in this lab the address is.
std::string where_it_is(const World& world, std::size_t from, const IpAddress& wanted) {
  for (std::size_t i = 0; i < world.places.size(); ++i) {
    if (i == from) continue;
    for (const InterfaceAddress& address : world.at(i).now.addresses) {
      if (address.prefix.address != wanted) continue;
      return fmt::format(". {} has {} on {}{}", world.at(i).said(), wanted.to_string(), address.link,
                         mend_of(world, from, i, address.link, wanted));
    }
  }
  return fmt::format(". Nobody in this lab has {}", wanted.to_string());
}

std::optional<Diagnosis> judge_first_route(const WalkEvidence& evidence, const WalkJudge& there) {
  if (evidence.there.stages.empty()) return std::nullopt;
  const Stage& first = evidence.there.stages.front();
  const Place& sender = evidence.world.at(first.place);
  const std::string destination = evidence.trace.destination.to_string();
  if (auto found = there.judge_route(0)) {
    if (found->step == Step::kRoute)
      found->text += where_it_is(evidence.world, first.place, evidence.trace.destination);
    return found;
  }
  const bool is_local = first.route.type == RouteType::kLocal;
  const bool stays = evidence.wanted && evidence.wanted->near_namespace == evidence.wanted->far_namespace;
  if (is_local && evidence.wanted && !stays) {
    return Diagnosis{Step::kRoute, fmt::format("{} is an address of {} itself: the packet never leaves it", destination,
                                               sender.said())};
  }
  if (!is_local && evidence.wanted && first.route.output_link != evidence.wanted->near_link) {
    return Diagnosis{Step::kRoute,
                     fmt::format("{} sends packets for {} out of {}, not out of {}: another route is the "
                                 "better match, or the right one is missing{}",
                                 sender.said(), destination, first.route.output_link, evidence.wanted->near_link,
                                 where_it_is(evidence.world, first.place, evidence.trace.destination))};
  }
  return std::nullopt;
}

// Everything was seen as far as the kernels on the way would send it: to where it should arrive, or not further.
std::optional<Diagnosis> judge_end(const WalkEvidence& evidence, const WalkJudge& judge) {
  const Path& path = judge.path();
  const Stage& last = path.stages.back();
  const Place& place = evidence.world.at(last.place);
  const std::string left = path.points.empty() ? "" : fmt::format("it left {}", judge.text(path.points.back()));
  switch (path.end) {
    case Path::End::kArrives:
      return std::nullopt;
    case Path::End::kRefused:
      return judge.judge_route(path.stages.size() - 1);
    case Path::End::kNobody:
      if (!path.points.empty()) {
        if (auto found = judge.judge_addressee(path.points.back())) return found;
      }
      return Diagnosis{Step::kNeighbour, fmt::format("{} for {}, and nobody on that link has that address", left,
                                                     last.next_hop.to_string())};
    case Path::End::kLeaves:
      if (auto found = judge.judge_problems(left + "; ")) return found;
      return Diagnosis{Step::kRoute, fmt::format("{} for {}, which is no machine of this lab, and nothing came back{}",
                                                 left, last.next_hop.to_string(),
                                                 where_it_is(evidence.world, last.place, last.destination))};
    case Path::End::kGoesInRings:
      return Diagnosis{Step::kRoute, fmt::format("{} for {}, and comes back to {}: the routes on its way go in rings",
                                                 left, last.next_hop.to_string(), place.said())};
  }
  return std::nullopt;
}

// Nothing could be sent as nothing could listen.
Diagnosis unserved(const WalkEvidence& evidence) {
  const PacketTrace& trace = evidence.trace;
  std::string why;
  for (const Place& place : evidence.world.places) {
    if (place.said() != trace.unserved_in || trace.listen_errno != EADDRNOTAVAIL) continue;
    if (!place.has_address(trace.destination)) why = ": it has not that address (ip address show)";
    if (place.lacks_own_route(trace.destination)) why = fmt::format(": it has the address, but {}", kOwnRouteGone);
  }
  return Diagnosis{Step::kReceiver,
                   fmt::format("nothing can listen at {} in {}, its kernel says {}{}", trace.destination.to_string(),
                               trace.unserved_in, errno_name(trace.listen_errno), why)};
}

std::optional<Diagnosis> judge_problems_of_ends(const WalkEvidence& evidence) {
  if (evidence.trace.listen_errno != 0) return unserved(evidence);
  if (evidence.trace.open_errno == 0) return std::nullopt;
  return Diagnosis{Step::kSend, fmt::format("no socket for it in {}: {}", evidence.world.at(evidence.from).said(),
                                            evidence.trace.open_text)};
}

// The answer to a packet that arrived at `place` by `in_link`.
std::optional<Diagnosis> judge_answer(const WalkEvidence& evidence, const WalkJudge& there, const WalkJudge& back,
                                      std::size_t place, const std::string& in_link) {
  const std::string arrived = evidence.there.points.empty() ? ""
                                                            : fmt::format("{} reached {}; ", there.what(),
                                                                          there.text(evidence.there.points.back()));
  const bool nothing_left = evidence.trace.replies.empty();
  if (evidence.back.stages.empty())
    return nothing_left ? std::optional(there.judge_silence(place, in_link)) : std::nullopt;
  if (auto found = back.judge_route(0)) {
    found->text = arrived + found->text;
    return found;
  }
  const Stage& first = evidence.back.stages.front();
  if (nothing_left && first.route.type == RouteType::kUnicast && first.route.output_link != in_link &&
      evidence.wanted) {
    return Diagnosis{Step::kWayBack,
                     fmt::format("{}{} would answer out of {}, not out of {}: the way back differs (and a reverse-path "
                                 "filter drops such a request)",
                                 arrived, evidence.world.at(place).said(), first.route.output_link, in_link)};
  }
  if (nothing_left && evidence.back.points.empty()) return there.judge_silence(place, in_link);
  const auto gap = back.first_unseen();
  if (gap && *gap == 0 && nothing_left) {
    Diagnosis silence = there.judge_silence(place, in_link);
    // What the answer itself met at the first step tells more than that there was none.
    Diagnosis met = back.judge_gap(0);
    if (met.step == Step::kNeighbour || met.step == Step::kLink) {
      met.text = arrived + met.text;
      return met;
    }
    return silence;
  }
  if (gap) return back.judge_gap(*gap);
  if (!evidence.back.points.empty()) {
    if (auto found = back.judge_addressee(evidence.back.points.back())) return found;
  }
  return judge_end(evidence, back);
}

// Some were answered: where did the others go?
std::optional<Diagnosis> judge_losses(const WalkEvidence& evidence, const WalkJudge& there, const WalkJudge& back) {
  if (!evidence.trace.any_answered || evidence.trace.sent == 0) return std::nullopt;
  std::size_t before = evidence.trace.sent;
  if (auto found = there.judge_loss(before)) return found;
  return back.judge_loss(before);
}

// All is there, but late: the longest time between two points.
std::optional<Diagnosis> judge_delay(const WalkEvidence& evidence) {
  if (!evidence.trace.any_late) return std::nullopt;
  std::vector<Sighting> seen = evidence.trace.requests;
  seen.insert(seen.end(), evidence.trace.replies.begin(), evidence.trace.replies.end());
  std::stable_sort(seen.begin(), seen.end(),
                   [](const Sighting& one, const Sighting& other) { return one.time < other.time; });
  const auto text = [&](const Sighting& sighting) {
    const auto place = evidence.world.find(sighting.network_namespace);
    return fmt::format("{} ({})", sighting.link, place ? evidence.world.at(*place).said() : sighting.network_namespace);
  };
  const Sighting* from = nullptr;
  const Sighting* to = nullptr;
  for (const Sighting& one : seen) {
    const auto next = std::find_if(seen.begin(), seen.end(), [&](const Sighting& other) {
      return other.sequence == one.sequence && (other.time > one.time || (other.time == one.time && &other > &one));
    });
    if (next == seen.end() || (to != nullptr && next->time - one.time <= to->time - from->time)) continue;
    from = &one;
    to = &*next;
  }
  if (from == nullptr) return Diagnosis{Step::kDelay, "the answers came too late"};
  // A packet is seen behind the queue of the link it leaves by.
  constexpr std::chrono::milliseconds kNoTime{50};
  if (to->time - from->time < kNoTime) {
    return Diagnosis{Step::kDelay, fmt::format("the answers came too late, though hardly any time passed between the "
                                               "places where they were seen: they waited before they left {} "
                                               "(tc qdisc show dev {})",
                                               text(seen.front()), seen.front().link)};
  }
  std::string why;
  if (const auto place = evidence.world.find(to->network_namespace)) {
    for (const QueueDiscipline& qdisc : evidence.world.at(*place).now.qdiscs) {
      if (qdisc.link == to->link)
        why += fmt::format("; {} has a queueing discipline {} (tc qdisc show dev {})", to->link, qdisc.kind, to->link);
    }
  }
  return Diagnosis{Step::kDelay,
                   fmt::format("the answers came too late: {} ms passed between {} and {}{}",
                               std::chrono::duration_cast<std::chrono::milliseconds>(to->time - from->time).count(),
                               text(*from), text(*to), why)};
}

// It was answered, and nobody asked who has the next hop: an entry made by hand stands in for the answer.
std::optional<Diagnosis> judge_entry_made_by_hand(const WalkEvidence& evidence) {
  if (evidence.there.stages.empty() || evidence.there.points.empty()) return std::nullopt;
  for (const Path* path : {&evidence.there, &evidence.back}) {
    for (const Stage& stage : path->stages) {
      const Place& place = evidence.world.at(stage.place);
      for (const Neighbour& entry : place.now.neighbours) {
        if (!entry.is_permanent() || entry.link != stage.route.output_link || entry.address != stage.next_hop) continue;
        return Diagnosis{
            Step::kNeighbour,
            fmt::format("{} has a permanent neighbour entry for {} on {} ({}): nobody is asked, and whether "
                        "its owner answers stays hidden (ip neighbour del {} dev {})",
                        place.said(), entry.address.to_string(), entry.link,
                        entry.mac ? entry.mac->to_string() : "no address", entry.address.to_string(), entry.link)};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::string to_string(Diagnosis::Step step) {
  switch (step) {
    case Step::kNone:
      return "none";
    case Step::kNamespace:
      return "namespace";
    case Step::kLink:
      return "link";
    case Step::kRoute:
      return "route";
    case Step::kSend:
      return "send";
    case Step::kNeighbour:
      return "neighbour";
    case Step::kWire:
      return "wire";
    case Step::kBridge:
      return "bridge";
    case Step::kForwarding:
      return "forwarding";
    case Step::kReceiver:
      return "receiver";
    case Step::kWayBack:
      return "way-back";
    case Step::kDelivery:
      return "delivery";
    case Step::kLoss:
      return "loss";
    case Step::kDelay:
      return "delay";
    case Step::kRewriting:
      return "rewriting";
  }
  return "unknown";
}

namespace {

// By what the kernels tell, where it was seen last.
std::string told_by_kernels(const WalkEvidence& evidence) {
  const WalkJudge there(evidence, Direction::kThere);
  const WalkJudge back(evidence, Direction::kBack);
  const auto last_link = [](const WalkJudge& judge) {
    const auto gap = judge.first_unseen();
    const std::vector<Point>& points = judge.path().points;
    const std::size_t seen = gap ? *gap : points.size();
    return seen == 0 ? std::string() : points[seen - 1].link;
  };
  const bool came_back = !back.path().points.empty() && back.first_unseen() != std::optional<std::size_t>(0);
  return there.first_unseen() || !came_back ? there.reasons(last_link(there)) : back.reasons(last_link(back));
}

Diagnosis diagnose_by_the_walk(const WalkEvidence& evidence) {
  const WalkJudge there(evidence, Direction::kThere);
  const WalkJudge back(evidence, Direction::kBack);
  if (evidence.trace.all_answered) {
    if (auto found = there.judge_shortcut()) return *found;
    if (auto found = there.judge_rewriting()) return *found;
    if (auto found = back.judge_rewriting()) return *found;
    if (auto found = judge_entry_made_by_hand(evidence)) return *found;
    return {Step::kNone, "it was answered"};
  }
  if (auto found = judge_wanted_ends(evidence)) return *found;
  if (auto found = judge_problems_of_ends(evidence)) return *found;
  if (auto found = judge_losses(evidence, there, back)) return *found;
  if (auto found = judge_delay(evidence)) return *found;
  if (auto found = judge_first_route(evidence, there)) return *found;
  if (const auto gap = there.first_unseen()) return there.judge_gap(*gap);
  if (evidence.there.stages.empty()) return {Step::kNamespace, "there is nowhere to send it from"};
  if (auto found = judge_end(evidence, there)) return *found;
  const Stage& last = evidence.there.stages.back();
  if (!evidence.there.points.empty()) {
    if (auto found = there.judge_addressee(evidence.there.points.back())) return *found;
  }
  // What arrived as another packet is answered as such.
  if (auto found = evidence.trace.replies.empty() ? there.judge_rewriting() : std::nullopt) {
    found->text += ", and to that the answer goes";
    return *found;
  }
  if (evidence.trace.connection_refused) {
    const std::string found = there.filters(last.place, {"prerouting", "input", "output"});
    return {
        Step::kReceiver,
        fmt::format("the TCP segment reached {}, and {} refused the connection (it sent a reset), though a server "
                    "listens there{}",
                    evidence.there.points.empty() ? "it" : there.text(evidence.there.points.back()),
                    evidence.world.at(last.place).said(), found.empty() ? "" : ": a packet filter there: " + found)};
  }
  if (auto found = judge_answer(evidence, there, back, last.place, last.in_link)) return *found;
  const Place& sender = evidence.world.at(evidence.from);
  const std::string filters = back.filters(evidence.from, {"ingress", "prerouting", "input"});
  if (auto found = there.judge_rewriting()) return *found;
  return {
      Step::kDelivery,
      fmt::format("{} came back to {}, and the kernel of {} did not hand it over: {}", back.what(),
                  evidence.back.points.empty() ? "its sender" : back.text(evidence.back.points.back()), sender.said(),
                  filters.empty() ? "a packet filter (INPUT) or a reverse-path filter"
                                  : "a packet filter of " + sender.said() + " (INPUT): " + filters)};
}

}  // namespace

Diagnosis diagnose(const WalkEvidence& evidence) {
  Diagnosis diagnosis = diagnose_by_the_walk(evidence);
  if (evidence.trace.any_answered || evidence.drops.empty()) return diagnosis;
  if (const std::string told = told_by_kernels(evidence); !told.empty()) diagnosis.text += "; " + told;
  return diagnosis;
}

std::vector<WalkedPoint> walked(const WalkEvidence& evidence) {
  std::vector<WalkedPoint> points;
  const WalkJudge there(evidence, Direction::kThere);
  const WalkJudge back(evidence, Direction::kBack);
  for (const WalkJudge* judge : {&there, &back}) {
    for (const Point& point : judge->path().points) {
      points.push_back({.what = judge->what(),
                        .place = evidence.world.at(point.place).said(),
                        .link = point.link,
                        .direction = point.direction,
                        .seen = judge->times_seen(point)});
    }
  }
  return points;
}

std::string to_string(const WalkedPoint& point) {
  return fmt::format("{} seen  {} ({}) {} {}", point.seen, point.link, point.place,
                     point.direction == PacketDirection::kSent ? "sends" : "takes in", point.what);
}

}  // namespace netns_lab
