#include "harness/testing/investigation.h"

#include <algorithm>
#include <utility>

#include "harness/conformance/packet_sysctls.h"

namespace netns_lab {
namespace {

// What comes at all comes within microseconds; a machine that is slow itself is given more (EchoReport::starved).
constexpr std::chrono::milliseconds kReplyWait{300};

std::string name_of(const std::vector<Node*>& nodes, std::size_t node, const std::string& network_namespace) {
  return nodes.size() == 1 ? network_namespace : place_on(nodes[node]->hello().node, network_namespace);
}

class Investigator {
 public:
  Investigator(const std::vector<Node*>& nodes, const Enquiry& enquiry) : nodes_(nodes), enquiry_(enquiry) {}

  Result<Findings> run() {
    NETNS_LAB_TRY(look());
    const World before = world_;
    NETNS_LAB_ASSIGN(const std::vector<protocol::Handle> filters, trace_filters());
    NETNS_LAB_ASSIGN(PacketTrace trace, send());
    NETNS_LAB_ASSIGN(const std::vector<FilterVerdict> filtered, end_of(filters));
    NETNS_LAB_TRY(look());
    for (Place& place : world_.places) {
      for (const FilterVerdict& verdict : filtered) {
        if (verdict.network_namespace == place.name) place.filtered.push_back(verdict);
      }
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
      }
    }
    WalkEvidence& evidence = findings.evidence;
    evidence.wanted = enquiry_.wanted;
    const auto from = world_.find(name_of(nodes_, enquiry_.from, sender()));
    if (from) ask_the_way(*from, trace, evidence);
    evidence.trace = std::move(trace);
    evidence.world = std::move(world_);
    return findings;
  }

 private:
  const std::string& sender() const {
    return enquiry_.talk ? enquiry_.talk->client.network_namespace : enquiry_.echo.network_namespace;
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
                       nodes_[node]->trace({.namespaces = namespaces_of(node), .addresses = addresses}));
      handles.push_back(handle);
    }
    return handles;
  }

  Result<std::vector<FilterVerdict>> end_of(const std::vector<protocol::Handle>& traces) {
    std::vector<FilterVerdict> all;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
      NETNS_LAB_ASSIGN(const std::vector<FilterVerdict> verdicts, nodes_[node]->verdicts(traces[node]));
      NETNS_LAB_TRY(nodes_[node]->close(traces[node]));
      for (FilterVerdict verdict : verdicts) {
        verdict.network_namespace = name_of(nodes_, node, verdict.network_namespace);
        all.push_back(std::move(verdict));
      }
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
        return trace_of(report);
      }
      server = *opened;
      client.port = server->port;
      client.watch = namespaces_of(enquiry_.from);
      client.reply_wait = kReplyWait;
      request.exchanges.push_back(std::move(client));
    } else {
      EchoSpec spec = enquiry_.echo;
      spec.watch = namespaces_of(enquiry_.from);
      spec.reply_wait = kReplyWait;
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
      question.probes.push_back({.identifier = identifier,
                                 .payload_seed = report.payload_seed,
                                 .payload_size = report.spec.payload_size,
                                 .count = report.spec.count});
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
    evidence.back = path_of(world_,
                            {.from = evidence.there.stages.back().place,
                             .destination = *source,
                             .source = trace.destination,
                             .is_bound = true},
                            lookup);
  }

  const std::vector<Node*>& nodes_;
  const Enquiry& enquiry_;
  World world_;
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
