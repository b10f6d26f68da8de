#include "harness/testing/investigation.h"

#include <algorithm>
#include <utility>

#include "harness/conformance/packet_sysctls.h"
#include "harness/conformance/way_back.h"

namespace netns_lab {
namespace {

// What comes at all comes within microseconds; a machine that is slow itself is given more (EchoReport::starved).
constexpr std::chrono::milliseconds kReplyWait{300};
// What had its full time when it was judged, and to which nothing came at all, is sent again to see how far it gets,
// not whether it is answered after all. (An echo is answered by the kernel, a talk by a program that must be woken.)
constexpr std::chrono::milliseconds kSilentEchoWait{100};
constexpr std::chrono::milliseconds kSilentTalkWait{200};
// What a queue or a program on the way may hold back is waited for longer, to tell "late" from "none". (A program
// behind a TUN link may, too: that is not waited for, as far more often it has gone.)
constexpr std::chrono::milliseconds kHeldWait{3'000};

std::string name_of(const std::vector<Node*>& nodes, std::size_t node, const std::string& network_namespace) {
  return nodes.size() == 1 ? network_namespace : place_on(nodes[node]->hello().node, network_namespace);
}

class Investigator {
 public:
  Investigator(const std::vector<Node*>& nodes, const Enquiry& enquiry) : nodes_(nodes), enquiry_(enquiry) {
    const bool was_silent = enquiry.first && !enquiry.first->any_answered && !enquiry.first->any_late;
    if (was_silent) reply_wait_ = enquiry.talk ? kSilentTalkWait : kSilentEchoWait;
  }

  Result<Findings> run() {
    NETNS_LAB_TRY(look());
    const World before = world_;
    NETNS_LAB_ASSIGN(const std::vector<protocol::Handle> filters, trace_filters());
    NETNS_LAB_ASSIGN(PacketTrace trace, send());
    NETNS_LAB_ASSIGN(const protocol::VerdictsReply ended, end_of(filters));
    NETNS_LAB_TRY(look());
    for (Place& place : world_.places) {
      for (const FilterVerdict& verdict : ended.verdicts) {
        if (verdict.network_namespace == place.name) place.filtered.push_back(verdict);
      }
      place.lost_filtered =
          std::find(ended.incomplete.begin(), ended.incomplete.end(), place.name) != ended.incomplete.end();
    }
    for (Place& place : world_.places) {
      const auto then = before.find(place.name);
      if (!then) continue;
      for (const auto& [counter, value] : place.now.counters) {
        const auto found = before.at(*then).now.counters.find(counter);
        if (found == before.at(*then).now.counters.end()) continue;
        place.counted[counter] = static_cast<std::int64_t>(value) - static_cast<std::int64_t>(found->second);
      }
    }
    Findings findings;
    findings.is_of_first_time = trace.all_answered && enquiry_.first && !enquiry_.first->all_answered;
    if (findings.is_of_first_time) {
      trace = *enquiry_.first;
      for (Place& place : world_.places) {  // they are of the second time
        place.counted.clear();
        place.filtered.clear();
        place.lost_filtered = false;
      }
    }
    WalkEvidence& evidence = findings.evidence;
    if (!findings.is_of_first_time) evidence.drops = ended.drops;
    evidence.wanted = enquiry_.wanted;
    const auto from = world_.find(name_of(nodes_, enquiry_.from, sender()));
    if (from) ask_the_way(*from, trace, evidence);
    evidence.trace = std::move(trace);
    evidence.world = world_;  // which is needed to send again
    if (!findings.is_of_first_time && !evidence.trace.all_answered && may_be_held(evidence)) {
      reply_wait_ = kHeldWait;
      NETNS_LAB_ASSIGN(PacketTrace again, send());
      if (again.all_answered || again.any_late) {
        again.all_answered = again.any_answered = false;
        again.any_late = true;
        evidence.trace = std::move(again);
      }
    }
    return findings;
  }

 private:
  const std::string& sender() const {
    return enquiry_.talk ? enquiry_.talk->client.network_namespace : enquiry_.echo.network_namespace;
  }

  // Whether something that packets wait in lies on the way: a queueing discipline that somebody attached (the kernel's
  // own are not in a snapshot) and that has not dropped them, or a program that a filter gives them to.
  static bool may_be_held(const WalkEvidence& evidence) {
    const World& world = evidence.world;
    const auto is_such = [&](const Point& point) {
      const Place& here = world.at(point.place);
      return here.count(point.link + ".queue_dropped") <= 0 &&
             std::any_of(here.now.qdiscs.begin(), here.now.qdiscs.end(),
                         [&](const QueueDiscipline& qdisc) { return qdisc.link == point.link; });
    };
    const auto gives_away = [](const Place& place) {
      return std::any_of(place.filtered.begin(), place.filtered.end(),
                         [](const FilterVerdict& verdict) { return verdict.verdict == "gives to a program"; });
    };
    return std::any_of(evidence.there.points.begin(), evidence.there.points.end(), is_such) ||
           std::any_of(evidence.back.points.begin(), evidence.back.points.end(), is_such) ||
           std::any_of(world.places.begin(), world.places.end(), gives_away);
  }

  Result<void> look() {
    std::vector<std::string> links;
    for (const Place& place : world_.places) {
      for (const Link& link : place.now.links) links.push_back(link.name);
    }
    std::sort(links.begin(), links.end());
    links.erase(std::unique(links.begin(), links.end()), links.end());
    SnapshotOptions options;
    options.processes = false;
    options.files = false;
    options.counters = true;
    options.sysctls = packet_sysctls(links);
    World seen;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      NETNS_LAB_ASSIGN(Snapshot snapshot, nodes_[node]->snapshot(options));
      for (NamespaceState& state : snapshot.namespaces) {
        Place place;
        place.name = name_of(nodes_, node, state.name);
        place.node = node;
        place.network_namespace = state.name;
        if (state.name.empty()) place.uplink = nodes_[node]->hello().uplink;
        place.now = std::move(state);
        seen.places.push_back(std::move(place));
      }
    }
    world_ = std::move(seen);
    return {};
  }

  std::vector<std::string> namespaces_of(std::size_t node) const {
    std::vector<std::string> names;
    for (const Place& place : world_.places) {
      if (place.node == node) names.push_back(place.network_namespace);
    }
    return names;
  }

  // On every node, of the packets that are about to be sent and their answers. By then the verdict has been given: our
  // tables stand while nothing is compared.
  Result<std::vector<protocol::Handle>> trace_filters() {
    std::vector<IpAddress> addresses{enquiry_.talk ? enquiry_.talk->client.destination : enquiry_.echo.destination};
    const std::optional<IpAddress>& source = enquiry_.talk ? enquiry_.talk->client.source : enquiry_.echo.source;
    if (source) addresses.push_back(*source);
    std::vector<protocol::Handle> handles;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      NETNS_LAB_ASSIGN(const protocol::Handle handle,
                       nodes_[node]->trace({.namespaces = namespaces_of(node),
                                            .addresses = addresses,
                                            .length = node == enquiry_.from ? length() : 0}));
      handles.push_back(handle);
    }
    return handles;
  }

  // Of the IP packet, in bytes; 0 where there are several lengths. (RFC 792; RFC 768; RFC 791, 3.1; RFC 8200, 3.)
  std::uint32_t length() const {
    const bool is_echo = !enquiry_.talk;
    if (!is_echo && enquiry_.talk->client.transport != Transport::kUdp) return 0;
    const auto payload =
        static_cast<std::uint32_t>(is_echo ? enquiry_.echo.payload_size : enquiry_.talk->client.payload_size);
    const IpAddress& destination = is_echo ? enquiry_.echo.destination : enquiry_.talk->client.destination;
    return payload + 8 + (destination.is_v4() ? 20 : 40);
  }

  // The namespaces in it are named as places are.
  Result<protocol::VerdictsReply> end_of(const std::vector<protocol::Handle>& traces) {
    protocol::VerdictsReply all;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      NETNS_LAB_ASSIGN(protocol::VerdictsReply ended, nodes_[node]->verdicts(traces[node]));
      NETNS_LAB_TRY(nodes_[node]->close(traces[node]));
      for (FilterVerdict& verdict : ended.verdicts) {
        verdict.network_namespace = name_of(nodes_, node, verdict.network_namespace);
        all.verdicts.push_back(std::move(verdict));
      }
      for (const std::string& name : ended.incomplete) all.incomplete.push_back(name_of(nodes_, node, name));
      // A packet is taken along the whole way on its sender's back: it is the sending node's agent who sees it.
      if (node == enquiry_.from) all.drops = std::move(ended.drops);
    }
    return all;
  }

  Result<PacketTrace> send() {
    std::optional<protocol::ServeReply> server;
    protocol::ProbeRequest request;
    if (enquiry_.talk) {
      ExchangeSpec client = enquiry_.talk->client;
      const auto opened = nodes_[enquiry_.to]->serve(enquiry_.talk->server);
      if (!opened && !server_lies_in_the_subject(opened.error())) return tl::unexpected(opened.error());
      if (!opened) {
        ExchangeReport report;
        report.spec = client;
        report.system_errno = opened.error().system_errno;
        report.unserved_in = name_of(nodes_, enquiry_.to, enquiry_.talk->server.network_namespace);
        if (report.unserved_in.empty()) report.unserved_in = "the node";
        return trace_of(report);
      }
      server = *opened;
      client.port = server->port;
      client.watch = namespaces_of(enquiry_.from);
      client.reply_wait = reply_wait_;
      request.exchanges.push_back(std::move(client));
    } else {
      EchoSpec spec = enquiry_.echo;
      spec.watch = namespaces_of(enquiry_.from);
      spec.reply_wait = reply_wait_;
      request.echoes.push_back(std::move(spec));
    }
    auto trace = send(std::move(request), server ? server->port : std::uint16_t{0});
    if (server) NETNS_LAB_TRY(nodes_[enquiry_.to]->close(server->handle));
    return trace;
  }

  Result<PacketTrace> send(protocol::ProbeRequest request, std::uint16_t port) {
    struct Watch {
      std::size_t node;
      protocol::Handle handle;
    };
    std::vector<Watch> watches;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      if (node == enquiry_.from) continue;
      NETNS_LAB_ASSIGN(const protocol::WatchReply watch,
                       nodes_[node]->watch({.namespaces = namespaces_of(node), .port = port}));
      watches.push_back({node, watch.handle});
    }
    NETNS_LAB_ASSIGN(protocol::ProbeReply reply, nodes_[enquiry_.from]->probe(std::move(request)));
    PacketTrace trace;
    if (!reply.echoes.empty()) {
      NETNS_LAB_TRY(merge(reply.echoes.front(), watches, reply.echoes.front().identifier));
      trace = trace_of(reply.echoes.front());
    } else if (!reply.exchanges.empty()) {
      NETNS_LAB_TRY(merge(reply.exchanges.front(), watches, reply.exchanges.front().source_port));
      trace = trace_of(reply.exchanges.front());
    }
    for (const Watch& watch : watches) NETNS_LAB_TRY(nodes_[watch.node]->close(watch.handle));
    return trace;
  }

  template <typename Report, typename Watches>
  Result<void> merge(Report& report, const Watches& watches, std::uint16_t identifier) {
    for (Sighting& sighting : report.sightings)
      sighting.network_namespace = name_of(nodes_, enquiry_.from, sighting.network_namespace);
    for (const auto& watch : watches) {
      protocol::SightingsRequest question{.handle = watch.handle, .probes = {}};
      question.probes.push_back(far_probe_of(report, identifier));
      NETNS_LAB_ASSIGN(protocol::SightingsReply seen, nodes_[watch.node]->sightings(question));
      for (Sighting& sighting : seen.sightings) {
        sighting.network_namespace = name_of(nodes_, watch.node, sighting.network_namespace);
        report.sightings.push_back(std::move(sighting));
      }
    }
    std::stable_sort(report.sightings.begin(), report.sightings.end(),
                     [](const Sighting& one, const Sighting& other) { return one.time < other.time; });
    return {};
  }

  void ask_the_way(std::size_t from, const PacketTrace& trace, WalkEvidence& evidence) {
    evidence.from = from;
    const Lookup lookup = [this](const Place& place, const RouteQuery& query) {
      const auto answer = nodes_[place.node]->lookup(query);
      if (answer) return *answer;
      RouteAnswer unknown;
      unknown.system_errno = answer.error().system_errno == 0 ? EIO : answer.error().system_errno;
      return unknown;
    };
    evidence.there = path_of(world_, {.from = from, .destination = trace.destination, .source = trace.source}, lookup);
    if (evidence.there.end != Path::End::kArrives) return;
    std::optional<IpAddress> source = trace.source;
    if (!source) source = evidence.there.stages.front().route.preferred_source;
    if (!source) return;
    evidence.back = path_of(world_, way_back(world_, trace, evidence.there, *source), lookup);
  }

  const std::vector<Node*>& nodes_;
  const Enquiry& enquiry_;
  World world_;
  std::chrono::milliseconds reply_wait_ = kReplyWait;
};

}  // namespace

Result<Findings> investigate(const std::vector<Node*>& nodes, const Enquiry& enquiry) {
  return Investigator(nodes, enquiry).run();
}

std::string why_text(const Findings& findings) {
  const Diagnosis diagnosis = diagnose(findings.evidence);
  if (diagnosis.step == Diagnosis::Step::kNone) return "";
  return findings.is_of_first_time ? diagnosis.text + " (sent again, it was answered: it comes and goes)"
                                   : diagnosis.text;
}

}  // namespace netns_lab
