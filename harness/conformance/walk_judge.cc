#include "harness/conformance/walk_judge.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "harness/base/error.h"
#include "harness/base/text.h"

namespace netns_lab {
namespace {

using Step = Diagnosis::Step;

}  // namespace

WalkJudge::WalkJudge(const WalkEvidence& evidence, Direction direction)
    : evidence_(evidence),
      direction_(direction),
      path_(direction == Direction::kThere ? evidence.there : evidence.back),
      seen_(direction == Direction::kThere ? evidence.trace.requests : evidence.trace.replies),
      v4_(evidence.trace.destination.is_v4()) {}

std::string WalkJudge::what() const {
  const bool there = direction_ == Direction::kThere;
  switch (evidence_.trace.kind) {
    case PacketTrace::Kind::kUdp:
      return there ? "the datagram" : "the answer";
    case PacketTrace::Kind::kTcp:
      return there ? "the TCP segment" : "the answer";
    case PacketTrace::Kind::kEcho:
      break;
  }
  return there ? "the request" : "the reply";
}

std::string WalkJudge::text(const Point& point) const {
  return fmt::format("{} ({})", point.link, place(point).said());
}

const Sighting* WalkJudge::sighting_at(const Point& point) const {
  const auto found = std::find_if(seen_.begin(), seen_.end(), [&](const Sighting& sighting) {
    return sighting.network_namespace == place(point).name && sighting.link == point.link &&
           sighting.direction == point.direction;
  });
  return found == seen_.end() ? nullptr : &*found;
}

std::size_t WalkJudge::times_seen(const Point& point) const {
  return static_cast<std::size_t>(std::count_if(seen_.begin(), seen_.end(), [&](const Sighting& sighting) {
    return sighting.network_namespace == place(point).name && sighting.link == point.link &&
           sighting.direction == point.direction;
  }));
}

bool WalkJudge::was_seen(const Point& point) const { return sighting_at(point) != nullptr; }

// One that was seen further on passed what lies before, wherever it did.
std::optional<std::size_t> WalkJudge::first_unseen() const {
  for (std::size_t at = path_.points.size(); at > 0; --at) {
    if (was_seen(path_.points[at - 1])) return at == path_.points.size() ? std::nullopt : std::optional(at);
  }
  if (path_.points.empty()) return std::nullopt;
  return 0;
}

std::size_t WalkJudge::stage_before(std::size_t at) const {
  std::size_t stage = 0;
  while (stage + 1 < path_.stages.size() && path_.stages[stage + 1].first_point <= at) ++stage;
  return stage;
}

bool WalkJudge::begins_stage(std::size_t at) const { return path_.stages[stage_before(at)].first_point == at; }

std::string WalkJudge::so_far(std::size_t at) const {
  if (at == 0) return "";
  const Point& last = path_.points[at - 1];
  return fmt::format("{} {} {}; ", what(), last.direction == PacketDirection::kSent ? "left" : "reached", text(last));
}

std::string WalkJudge::traced_filter(std::size_t place, const std::vector<std::string>& hooks) const {
  const Place& here = evidence_.world.at(place);
  for (const FilterVerdict& verdict : here.filtered) {
    const auto base = std::find_if(
        here.now.filter_hooks.begin(), here.now.filter_hooks.end(),
        [&](const FilterHook& hook) { return hook.table == verdict.table && hook.chain == verdict.chain; });
    if (base == here.now.filter_hooks.end()) return fmt::format("table {}: {}", verdict.table, to_string(verdict));
    if (std::find(hooks.begin(), hooks.end(), base->hook) == hooks.end()) continue;
    return fmt::format("{} at hook {}: {}", to_string(*base), base->hook, to_string(verdict));
  }
  return "";
}

bool WalkJudge::only_gives_sources(std::size_t place, const FilterHook& hook) const {
  static const std::set<std::string> kHarmless = {"masquerade", "snat", "mark"};
  const std::vector<PacketFilter>& tables = evidence_.world.at(place).now.nft_tables;
  const auto table =
      std::find_if(tables.begin(), tables.end(), [&](const PacketFilter& one) { return one.name == hook.table; });
  return !hook.drops && table != tables.end() && !table->statements.empty() &&
         std::includes(kHarmless.begin(), kHarmless.end(), table->statements.begin(), table->statements.end());
}

std::string WalkJudge::filters(std::size_t place, const std::vector<std::string>& hooks, const std::string& family,
                               Does does) const {
  std::vector<std::string> found;
  for (const FilterHook& hook : evidence_.world.at(place).now.filter_hooks) {
    if (std::find(hooks.begin(), hooks.end(), hook.hook) == hooks.end()) continue;
    const bool is_of_layer_2 = hook.table.starts_with("bridge ") || hook.table.starts_with("arp ");
    if (family.empty() ? is_of_layer_2 : !hook.table.starts_with(family + " ")) continue;
    if (hook.rules == 0 && !hook.drops) continue;
    if (does == Does::kDrop && only_gives_sources(place, hook)) continue;
    found.push_back(fmt::format("{} at hook {}", to_string(hook), hook.hook));
  }
  if (family.empty()) {
    const bool has_lost = evidence_.world.at(place).lost_filtered;
    if (std::string traced = traced_filter(place, hooks); !traced.empty())
      return traced + (has_lost ? " (some of the kernel's trace was lost: others may drop it, too)" : "");
  }
  if (family.empty()) {
    for (const PacketFilter& table : evidence_.world.at(place).now.nft_tables) {
      if (table.name.find("(legacy)") != std::string::npos) found.push_back(to_string(table));
    }
  }
  return join(found, "; ");
}

std::string WalkJudge::reasons(const std::string& link) const {
  std::vector<std::string> told;
  for (const PacketDrop& drop : evidence_.drops) {
    // A reply that comes back to a raw socket has no other one (ping_rcv, net/ipv4/ping.c).
    const bool is_usual = drop.reason == "NO_SOCKET" && evidence_.trace.kind == PacketTrace::Kind::kEcho;
    if (drop.link != link || is_usual) continue;
    told.push_back(fmt::format("{} ({} packet{})", drop.reason, drop.times, drop.times == 1 ? "" : "s"));
  }
  if (told.empty()) return "";
  return fmt::format("the kernel's own reason for dropping it{}: {}", link.empty() ? "" : ", behind " + link,
                     join(told, ", "));
}

std::optional<Diagnosis> WalkJudge::judge_route(std::size_t at) const {
  const Stage& stage = path_.stages.at(at);
  const Place& here = evidence_.world.at(stage.place);
  const RouteAnswer& answer = stage.route;
  const std::string destination = stage.destination.to_string();
  const std::string before = so_far(stage.first_point);
  const bool forwards = !stage.in_link.empty();
  const std::string name = direction_ == Direction::kThere ? "way" : "way back";
  const auto& source = evidence_.trace.source;
  if (at == 0 && direction_ == Direction::kThere && answer.system_errno == 0 && !answer.preferred_source &&
      (!source || source->is_unspecified())) {
    return Diagnosis{Step::kSend,
                     fmt::format("{} has no address that it could send from: its kernel finds a way out of "
                                 "{}, and no source (ip address show)",
                                 here.said(), answer.output_link)};
  }
  if (answer.system_errno == 0 && answer.type == RouteType::kUnicast) return std::nullopt;
  if (answer.system_errno == 0 && answer.type == RouteType::kLocal) return std::nullopt;
  const Step step = direction_ == Direction::kThere ? Step::kRoute : Step::kWayBack;
  if (answer.system_errno == 0) {
    return Diagnosis{step, fmt::format("{}in {} the route to {} is of type {}: its kernel throws the packet away",
                                       before, here.said(), destination, to_string(answer.type))};
  }
  if (forwards) {
    if (auto found = judge_forwarding(stage.first_point)) return found;
  }
  std::string hint;
  if (answer.system_errno == ENETUNREACH) {
    hint = fmt::format("; no route of it leads to {} (ip route show; ip rule show)", destination);
    for (const Link& link : here.now.links) {
      if (!link.is_loopback() && !link.is_up())
        hint += fmt::format("; its {} is down, and no route counts that leads out of it", link.name);
    }
    if (direction_ == Direction::kBack || forwards) hint += ". A default route is missing";
  }
  if (answer.system_errno == EXDEV)
    hint = fmt::format(": it would answer by another link than {}, and its reverse-path filter is on", stage.in_link);
  return Diagnosis{step, fmt::format("{}{} has no {} to {}: asked for a route, its kernel says {}{}", before,
                                     here.said(), name, destination, refusal_text(answer), hint)};
}

std::optional<Diagnosis> WalkJudge::judge_sending(std::size_t at) const {
  if (at != 0 || direction_ == Direction::kBack) return std::nullopt;
  const PacketTrace& trace = evidence_.trace;
  const Place& here = evidence_.world.at(evidence_.from);
  if (trace.open_errno != 0)
    return Diagnosis{Step::kSend, fmt::format("no socket for it in {}: {}", here.said(), trace.open_text)};
  if (trace.send_errno == 0) return std::nullopt;
  std::string why;
  if (trace.send_errno == EPERM) {
    const std::string found = filters(evidence_.from, {"output", "postrouting"});
    why = ": a packet filter (OUTPUT) drops it" + (found.empty() ? "" : ": " + found);
  }
  if (trace.send_errno == EMSGSIZE) why = ": it is larger than the MTU of its way and may not be fragmented";
  return Diagnosis{Step::kSend, fmt::format("the kernel of {} refused to send: {}{}", here.said(),
                                            errno_name(trace.send_errno), why)};
}

// A packet is seen where it leaves behind the queue of that link.
std::optional<Diagnosis> WalkJudge::judge_queue(std::size_t at) const {
  const Point& to = path_.points[at];
  const std::int64_t dropped = place(to).count(to.link + ".queue_dropped");
  if (to.direction != PacketDirection::kSent || dropped <= 0) return std::nullopt;
  return Diagnosis{Step::kSend,
                   fmt::format("{}the queueing discipline of {} dropped {} of them (tc -s qdisc show dev {})",
                               so_far(at), text(to), dropped, to.link)};
}

// It was seen in this namespace, but not where its kernel said that it would go.
std::optional<Diagnosis> WalkJudge::judge_detour(std::size_t at) const {
  const Point& expected = path_.points[at];
  if (expected.direction != PacketDirection::kSent) return std::nullopt;
  const IpAddress& target = path_.stages[stage_before(at)].destination;
  for (const Sighting& sighting : seen_) {
    if (sighting.network_namespace != place(expected).name || sighting.direction != PacketDirection::kSent ||
        sighting.link == expected.link)
      continue;
    const bool is_known_point = std::any_of(path_.points.begin(), path_.points.end(), [&](const Point& point) {
      return place(point).name == sighting.network_namespace && point.link == sighting.link;
    });
    if (is_known_point) continue;
    const bool rewritten = sighting.destination != target;
    const std::string found = filters(expected.place, {"prerouting", "output"}, "", Does::kAnything);
    return Diagnosis{
        rewritten ? Step::kRewriting : Step::kRoute,
        fmt::format(
            "{}{} of {} sent it out of {} instead of {}{}{}", so_far(at), "the kernel", place(expected).said(),
            sighting.link, expected.link,
            rewritten ? fmt::format(", for {}: its destination was rewritten", sighting.destination.to_string()) : "",
            found.empty() ? "" : " (" + found + ")")};
  }
  return std::nullopt;
}

std::optional<Diagnosis> WalkJudge::judge_addressee(const Point& arrived) const {
  const Sighting* const sighting = sighting_at(arrived);
  const Link* const own = link(arrived);
  // The other end of a tunnel without addresses has none; a port of a bridge takes every frame.
  if (arrived.direction != PacketDirection::kReceived) return std::nullopt;
  if (sighting == nullptr || own == nullptr || own->is_loopback() || own->master) return std::nullopt;
  if (sighting->link_destination == own->mac || sighting->link_destination.is_zero()) return std::nullopt;
  // Who made the frame: a bridge between only passes it on.
  const auto at =
      static_cast<std::size_t>(std::find(path_.points.begin(), path_.points.end(), arrived) - path_.points.begin());
  const Point* const from =
      at == path_.points.size() ? nullptr : &path_.points[path_.stages[stage_before(at)].first_point];
  const std::string sender = from == nullptr ? "its sender" : place(*from).said();
  const Link* const near = from == nullptr ? nullptr : link(*from);
  if (near != nullptr && (near->flags & IFF_NOARP) != 0) {
    return Diagnosis{
        Step::kNeighbour,
        fmt::format("{} arrived at {} addressed to {}: ARP is off on {}, which asks nobody for a MAC (ip "
                    "link set {} arp on)",
                    what(), text(arrived), sighting->link_destination.to_string(), text(*from), from->link)};
  }
  return Diagnosis{Step::kNeighbour,
                   fmt::format("{} arrived at {} addressed to {}, and {} is {}: {} has a wrong neighbour entry "
                               "(ip neighbour show)",
                               what(), text(arrived), sighting->link_destination.to_string(), arrived.link,
                               own->mac.to_string(), sender)};
}

std::optional<Diagnosis> WalkJudge::judge_reverse_path(std::size_t place, const std::string& in_link,
                                                       const std::string& before) const {
  const Place& here = evidence_.world.at(place);
  if (here.count("TcpExt.IPReversePathFilter") <= 0) return std::nullopt;
  return Diagnosis{
      Step::kReceiver,
      fmt::format("{}{}'s reverse-path filter dropped {} of them: it would answer by another link than {} "
                  "(net.ipv4.conf.{}.rp_filter is {}, .all. {})",
                  before, here.said(), here.count("TcpExt.IPReversePathFilter"), in_link, in_link,
                  here.sysctl("net.ipv4.conf." + in_link + ".rp_filter"), here.sysctl("net.ipv4.conf.all.rp_filter"))};
}

// points[at] is sent by a stage that took it in: does that kernel pass it on?
std::optional<Diagnosis> WalkJudge::judge_forwarding(std::size_t at) const {
  const Stage& stage = path_.stages[stage_before(at)];
  if (stage.in_link.empty() || at == 0) return std::nullopt;
  const Place& here = evidence_.world.at(stage.place);
  if (auto found = judge_addressee(path_.points[at - 1])) return found;
  if (auto found = judge_reverse_path(stage.place, stage.in_link, so_far(at))) return found;
  if (here.lacks_own_route(stage.destination)) {
    return Diagnosis{Step::kRoute, fmt::format("{}{} has the address {}, but {}: it does not take in what comes for it",
                                               so_far(at), here.said(), stage.destination.to_string(), kOwnRouteGone)};
  }
  if (here.has_address(stage.destination)) return std::nullopt;  // it is at its destination
  const std::string family = v4_ ? "net.ipv4.conf." : "net.ipv6.conf.";
  for (const std::string& link : {stage.in_link, std::string("all")}) {
    const std::string key = family + link + ".forwarding";
    if (here.sysctl(key) != "0" || (v4_ && link == "all")) continue;
    const std::string mend = v4_ ? "sysctl -w net.ipv4.ip_forward=1" : "sysctl -w net.ipv6.conf.all.forwarding=1";
    return Diagnosis{Step::kForwarding, fmt::format("{}{} does not forward what comes in by {}: {} is 0 ({})",
                                                    so_far(at), here.said(), stage.in_link, key, mend)};
  }
  return std::nullopt;
}

std::optional<Diagnosis> WalkJudge::judge_problems(const std::string& before) const {
  if (evidence_.trace.problems.empty()) return std::nullopt;
  const IcmpProblem& problem = evidence_.trace.problems.front();
  std::string who;
  std::string why;
  for (std::size_t i = 0; i < evidence_.world.places.size(); ++i) {
    if (!evidence_.world.at(i).has_address(problem.from)) continue;
    who = evidence_.world.at(i).said();
    why = filters(i, {"prerouting", "input", "forward", "output", "postrouting"});
    if (!evidence_.world.at(i).network_namespace.empty()) break;
  }
  return Diagnosis{Step::kForwarding,
                   fmt::format("{}{}{}{}", before, to_string(problem), who.empty() ? "" : "; that is " + who,
                               why.empty() ? "" : ", which has a packet filter: " + why)};
}

Diagnosis WalkJudge::dropped_between(std::size_t at, Step step) const {
  const Point& to = path_.points[at];
  const Place& here = place(to);
  std::vector<std::string> seen;
  for (const Point* point : {at == 0 ? nullptr : &path_.points[at - 1], &to}) {
    if (point == nullptr) continue;
    const char* const counter = point->direction == PacketDirection::kSent ? ".tx_dropped" : ".rx_dropped";
    if (const std::int64_t dropped = place(*point).count(point->link + counter); dropped > 0)
      seen.push_back(fmt::format("{} counts {} dropped", text(*point), dropped));
  }
  for (const QueueDiscipline& qdisc : here.now.qdiscs) {
    if (qdisc.link == to.link && to.direction == PacketDirection::kSent)
      seen.push_back(
          fmt::format("{} has a queueing discipline {} (tc qdisc show dev {})", to.link, qdisc.kind, to.link));
  }
  const std::string what_was_seen = seen.empty() ? "" : ": " + join(seen, "; ");
  if (at == 0) {
    return {step,
            fmt::format("{} never left {}: dropped between its sender and there{}", what(), text(to), what_was_seen)};
  }
  return {step, fmt::format("{} was dropped between {} and {}{}", what(), text(path_.points[at - 1]), text(to),
                            what_was_seen)};
}

Diagnosis WalkJudge::judge_gap(std::size_t at) const {
  const Point& to = path_.points[at];
  if (begins_stage(at)) {
    if (auto found = judge_link(to)) return *found;
    if (auto found = judge_queue(at)) return *found;
    if (auto found = judge_sending(at)) return *found;
    if (auto found = judge_resolution(at)) return *found;
    if (auto found = judge_forwarding(at)) return *found;
    if (auto found = judge_detour(at)) return *found;
    if (auto found = judge_problems(so_far(at))) return *found;
    const bool made_here = path_.stages[stage_before(at)].in_link.empty();
    const std::vector<std::string> hooks =
        made_here ? std::vector<std::string>{"output", "postrouting", "egress"}
                  : std::vector<std::string>{"ingress", "prerouting", "forward", "postrouting", "egress"};
    if (const std::string found = filters(to.place, hooks); !found.empty()) {
      return {made_here ? Step::kSend : Step::kForwarding,
              fmt::format("{}{} did not {} {}: a packet filter of {} drops it: {}", so_far(at), place(to).said(),
                          made_here ? "send it out of" : "forward it to", to.link, place(to).said(), found)};
    }
    return dropped_between(at, made_here ? Step::kSend : Step::kForwarding);
  }
  if (is_within_bridge(at)) {
    if (auto found = judge_bridge(at, so_far(at))) return *found;
    return dropped_between(at, Step::kBridge);
  }
  if (auto found = judge_wire(at)) return *found;
  return dropped_between(at, Step::kWire);
}

Diagnosis WalkJudge::judge_silence(std::size_t place, const std::string& in_link) const {
  const Place& here = evidence_.world.at(place);
  const std::string arrived = path_.points.empty() ? "" : so_far(path_.points.size());
  if (auto found = judge_reverse_path(place, in_link, arrived)) return *found;
  const PacketTrace::Kind kind = evidence_.trace.kind;
  const std::string ignore = v4_ ? "net.ipv4.icmp_echo_ignore_all" : "net.ipv6.icmp.echo_ignore_all";
  if (kind == PacketTrace::Kind::kEcho && here.sysctl(ignore) == "1") {
    return {Step::kReceiver,
            fmt::format("{}{} ignores echo requests: {} is 1 (sysctl -w {}=0)", arrived, here.said(), ignore, ignore)};
  }
  const std::string in = filters(place, {"ingress", "prerouting", "input"});
  const std::string out = filters(place, {"output", "postrouting", "egress"});
  // Did it come as far as the protocol? Counted behind the filters (icmp_rcv, icmpv6_rcv).
  const bool has_counters = !here.counted.empty();
  const std::int64_t taken = kind == PacketTrace::Kind::kEcho ? here.count(v4_ ? "Icmp.InEchos" : "Icmp6InEchos")
                                                              : here.count(v4_ ? "Ip.InDelivers" : "Ip6InDelivers");
  const bool was_delivered = kind == PacketTrace::Kind::kEcho && has_counters && taken > 0;
  if (!was_delivered && !in.empty()) {
    return {Step::kReceiver, fmt::format("{}{} did not answer: a packet filter of {} (INPUT) drops it: {}", arrived,
                                         here.said(), here.said(), in)};
  }
  if (!out.empty()) {
    return {Step::kReceiver,
            fmt::format("{}{} took it, and its answer never left: a packet filter of {} (OUTPUT) drops "
                        "it: {}",
                        arrived, here.said(), here.said(), out)};
  }
  return {Step::kReceiver, fmt::format("{}{} did not answer{}", arrived, here.said(),
                                       has_counters && !was_delivered && kind == PacketTrace::Kind::kEcho
                                           ? ": it was dropped between there and its ICMP, whose counter did not move"
                                           : ", and nothing there tells why")};
}

std::optional<Diagnosis> WalkJudge::judge_loss(std::size_t& before) const {
  for (std::size_t at = 0; at < path_.points.size(); ++at) {
    const std::size_t now = times_seen(path_.points[at]);
    if (now < before) {
      return Diagnosis{Step::kLoss, fmt::format("{} of {} were lost: {}", before - now, before, judge_gap(at).text)};
    }
    before = now;
  }
  return std::nullopt;
}

std::optional<Diagnosis> WalkJudge::rewritten(std::size_t place, const std::string& where,
                                              const std::string& change) const {
  const std::string found =
      filters(place, {"prerouting", "input", "forward", "output", "postrouting"}, "", Does::kAnything);
  return Diagnosis{
      Step::kRewriting,
      fmt::format("{} something changed {}{}", where, change,
                  found.empty() ? "" : ": a packet filter of " + evidence_.world.at(place).said() + ": " + found)};
}

// What a packet looked like before its first interface, as far as that is known.
std::optional<Diagnosis> WalkJudge::judge_first_look() const {
  if (path_.points.empty()) return std::nullopt;
  const Sighting* const first = sighting_at(path_.points.front());
  const PacketTrace& trace = evidence_.trace;
  if (first == nullptr) return std::nullopt;
  const std::size_t place = path_.points.front().place;
  const std::string where = fmt::format("before it left {}", text(path_.points.front()));
  const bool there = direction_ == Direction::kThere;
  const std::optional<IpAddress> source = there ? trace.source : std::optional(trace.destination);
  if (source && first->source != *source) {
    return rewritten(
        place, where,
        fmt::format("the source of {} from {} to {}", what(), source->to_string(), first->source.to_string()));
  }
  const std::string usual = evidence_.world.at(place).sysctl("net.ipv4.ip_default_ttl");
  if (v4_ && trace.kind == PacketTrace::Kind::kEcho && !usual.empty() && usual != std::to_string(first->ttl)) {
    return rewritten(place, where, fmt::format("the TTL of {} from {} to {}", what(), usual, first->ttl));
  }
  return std::nullopt;
}

std::optional<Diagnosis> WalkJudge::judge_rewriting() const {
  if (auto found = judge_first_look()) return found;
  const Sighting* before = nullptr;
  const Point* where = nullptr;
  for (std::size_t at = 0; at < path_.points.size(); ++at) {
    const Point& point = path_.points[at];
    const Sighting* const now = sighting_at(point);
    if (now == nullptr) continue;
    // A router takes one hop (RFC 1812, 5.3.1).
    const bool is_passed_on =
        begins_stage(at) && !path_.stages[stage_before(at)].in_link.empty() && where == &point - 1;
    std::string change;
    if (before == nullptr) {
    } else if (now->source != before->source && !is_translation(Direction::kThere)) {
      change =
          fmt::format("the source of {} from {} to {}", what(), before->source.to_string(), now->source.to_string());
    } else if (now->destination != before->destination && !is_translation(Direction::kBack)) {
      change = fmt::format("the destination of {} from {} to {}", what(), before->destination.to_string(),
                           now->destination.to_string());
    } else if (before->payload_intact && !now->payload_intact) {
      change = "what " + what() + " carries";
    } else if (now->ttl > before->ttl || (point.place != where->place && now->ttl != before->ttl)) {
      change = fmt::format("the TTL of {} from {} to {}", what(), before->ttl, now->ttl);
    } else if (is_passed_on && now->ttl + 1 != before->ttl) {
      change = fmt::format("the TTL of {}: {} was to be left of {}, and it is {}", what(), before->ttl - 1, before->ttl,
                           now->ttl);
    }
    if (!change.empty())
      return rewritten(point.place, fmt::format("between {} and {}", text(*where), text(point)), change);
    before = now;
    where = &point;
  }
  const auto& handed_over = evidence_.trace.handed_over_ttl;
  if (direction_ == Direction::kBack && before != nullptr && handed_over && *handed_over != before->ttl) {
    return rewritten(where->place, "behind " + text(*where),
                     fmt::format("the TTL of {} from {} to {}", what(), before->ttl, *handed_over));
  }
  return std::nullopt;
}

std::optional<Diagnosis> WalkJudge::judge_shortcut() const {
  const auto gap = first_unseen();
  if (!gap) return std::nullopt;
  if (auto found = judge_detour(*gap)) return found;
  const Place& last = place(path_.points[*gap == 0 ? 0 : *gap - 1]);
  const std::size_t at = path_.points[*gap == 0 ? 0 : *gap - 1].place;
  const std::string found =
      filters(at, {"prerouting", "input", "forward", "output", "postrouting"}, "", Does::kAnything);
  return Diagnosis{Step::kRewriting, fmt::format("it was answered, and {} never came to {}: {} answers in its stead{}",
                                                 what(), text(path_.points[*gap]), last.said(),
                                                 found.empty() ? "" : ", for which it has a packet filter: " + found)};
}

}  // namespace netns_lab
