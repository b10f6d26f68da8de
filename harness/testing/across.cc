#include "harness/testing/across.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <map>
#include <span>
#include <tuple>
#include <utility>

namespace netns_lab {
namespace {

void add_once(std::vector<std::string>& names, const std::vector<std::string>& more) {
  for (const std::string& name : more) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
}

// The report with what was seen on the other node, everything under the names of places.
template <typename Report>
void merge(Report& report, const std::string& near, const std::string& far, std::vector<Sighting> far_sightings) {
  for (Sighting& sighting : report.sightings) sighting.network_namespace = place_on(near, sighting.network_namespace);
  for (Sighting& sighting : far_sightings) {
    sighting.network_namespace = place_on(far, sighting.network_namespace);
    report.sightings.push_back(std::move(sighting));
  }
  std::stable_sort(report.sightings.begin(), report.sightings.end(),
                   [](const Sighting& one, const Sighting& other) { return one.time < other.time; });
}

bool belongs_to(const Sighting& sighting, const EchoReport& report) {
  const bool is_echo = sighting.kind == SightingKind::kRequest || sighting.kind == SightingKind::kReply ||
                       sighting.kind == SightingKind::kProblem;
  return is_echo && sighting.own_identifier() == report.identifier;
}

// Clients of several namespaces may have the same port; those of one batch have one namespace, so that port and server
// tell them apart.
bool belongs_to(const Sighting& sighting, const ExchangeReport& report) {
  const bool udp = report.spec.transport == Transport::kUdp;
  if (sighting.kind != (udp ? SightingKind::kUdp : SightingKind::kTcp)) return false;
  const auto is_client = [&](std::uint16_t port) { return sighting.sent_as.value_or(port) == report.source_port; };
  const bool is_request = is_client(sighting.identifier) && sighting.sequence == report.spec.port &&
                          sighting.destination == report.spec.destination;
  const bool is_answer = is_client(sighting.sequence) && sighting.identifier == report.spec.port &&
                         sighting.source == report.spec.destination;
  return is_request || is_answer;
}

template <typename Report>
std::vector<Sighting> those_of(const Report& report, const std::vector<Sighting>& sightings) {
  std::vector<Sighting> own;
  std::copy_if(sightings.begin(), sightings.end(), std::back_inserter(own),
               [&](const Sighting& sighting) { return belongs_to(sighting, report); });
  return own;
}

// What the queue of a capture may have to hold of so many packets of that payload, each of which is answered alike:
// each passes at most three interfaces of a namespace (uplink, bridge, port) each way, in fragments, and of each piece
// the kernel counts its buffer (skb truesize), which is less than a KiB more than its data.
constexpr std::size_t kPasses = 2 * 3;
std::size_t queued_bytes(std::uint32_t payload, std::uint32_t packets) {
  constexpr std::size_t kLeastPiece = 1'200;  // of IPv6's least MTU
  constexpr std::size_t kBeyondData = 1'024;
  const std::size_t pieces = payload / kLeastPiece + 1;
  return packets * kPasses * (pieces * kBeyondData + payload);
}

// The front elements, at least one, that together cost no more than `budget`.
template <typename T, typename Cost>
std::span<const T> front_of(std::span<const T> rest, std::size_t budget, Cost cost) {
  std::size_t sum = cost(rest.front());
  std::size_t size = 1;
  while (size < rest.size() && sum + cost(rest[size]) <= budget) sum += cost(rest[size++]);
  return rest.first(size);
}

Result<Node*> end_of(Subject& subject, std::size_t node) {
  if (node == kOutside) return subject.outside();
  return &subject.node(node);
}

// As Patience, of echoes: where three had their full time and none of theirs was answered, that is decided, and what is
// sent after them has 300 ms.
class EchoPatience {
 public:
  std::chrono::milliseconds wait_of(const EchoSpec& spec) const {
    constexpr std::ptrdiff_t kDecided = 3;
    constexpr std::chrono::milliseconds kShort{300};
    return silent_ >= kDecided ? std::min(kShort, spec.reply_wait) : spec.reply_wait;
  }
  void note(const std::vector<EchoReport>& reports) {
    silent_ += std::count_if(reports.begin(), reports.end(), is_silent);
  }

 private:
  static bool is_silent(const EchoReport& report) {
    const auto has_answer = [](const Echo& echo) {
      return echo.reply.has_value() || echo.send_errno != 0 || !echo.problems.empty();
    };
    return !report.echoes.empty() && std::none_of(report.echoes.begin(), report.echoes.end(), has_answer);
  }

  std::ptrdiff_t silent_ = 0;
};

Result<std::vector<EchoReport>> ping_between(Subject& subject, std::size_t from, std::size_t to,
                                             const std::vector<EchoSpec>& specs, std::vector<std::string> far_watch,
                                             EchoPatience& patience) {
  NETNS_LAB_ASSIGN(Node* const sender, end_of(subject, from));
  NETNS_LAB_ASSIGN(Node* const receiver, end_of(subject, to));
  Node& near = *sender;
  Node& far = *receiver;
  NETNS_LAB_ASSIGN(const protocol::WatchReply watch, far.watch({.namespaces = std::move(far_watch), .port = 0}));
  std::vector<EchoReport> reports;
  const auto cost = [](const EchoSpec& spec) { return queued_bytes(spec.payload_size, spec.count); };
  for (std::span<const EchoSpec> rest(specs); !rest.empty();) {
    const std::span<const EchoSpec> some = front_of(rest, watch.queue_bytes / 2, cost);
    rest = rest.subspan(some.size());
    protocol::ProbeRequest request;
    request.echoes.assign(some.begin(), some.end());
    for (EchoSpec& spec : request.echoes) spec.reply_wait = patience.wait_of(spec);
    NETNS_LAB_ASSIGN(protocol::ProbeReply reply, near.probe(std::move(request)));
    protocol::SightingsRequest question{.handle = watch.handle, .probes = {}};
    for (const EchoReport& report : reply.echoes) {
      question.probes.push_back(far_probe_of(report, report.identifier));
    }
    NETNS_LAB_ASSIGN(const protocol::SightingsReply seen, far.sightings(question));
    patience.note(reply.echoes);
    for (EchoReport& report : reply.echoes) {
      merge(report, near.hello().node, far.hello().node, those_of(report, seen.sightings));
      report.capture_drops += seen.drops;
      reports.push_back(std::move(report));
    }
  }
  NETNS_LAB_TRY(far.close(watch.handle));
  return reports;
}

// The servers of one batch: one for each (namespace, transport, address), all at one port, which is the watch's.
class Servers {
 public:
  explicit Servers(Node& node) : node_(node) {}

  // The server's port: the first one's own, where it names one; an errno (as a kSystem error) that lies in the subject
  // is the caller's to tell.
  Result<std::uint16_t> open(ServeSpec spec) {
    if (std::find(specs_.begin(), specs_.end(), spec) != specs_.end()) return port_;
    const ServeSpec asked = spec;
    if (port_ != 0) spec.port = port_;
    NETNS_LAB_ASSIGN(const protocol::ServeReply reply, node_.serve(spec));
    port_ = reply.port;
    handles_.push_back(reply.handle);
    specs_.push_back(asked);
    return port_;
  }
  std::uint16_t port() const { return port_; }  // 0: none is open
  Result<void> close() {
    for (const protocol::Handle handle : handles_) NETNS_LAB_TRY(node_.close(handle));
    return {};
  }

 private:
  Node& node_;
  std::uint16_t port_ = 0;
  std::vector<ServeSpec> specs_;
  std::vector<protocol::Handle> handles_;
};

// Of a stream: as many packets as its bytes make of small segments and some more to open and close it, each
// acknowledged.
std::size_t queued_bytes(const ExchangeSpec& spec) {
  constexpr std::uint32_t kSmallSegment = 512;
  if (spec.transport == Transport::kUdp) return queued_bytes(spec.payload_size, spec.count);
  return 2 * queued_bytes(0, spec.payload_size / kSmallSegment + 8) + kPasses * spec.payload_size;
}

// Talks of one client's and one server's namespace: what is asked of them, and what watches them at the receiver.
struct TalkBatch {
  explicit TalkBatch(Node& server) : servers(server) {}
  Servers servers;
  std::vector<std::size_t> asked;     // which talks
  std::span<const std::size_t> rest;  // of them: not sent yet
  protocol::WatchReply watch;
};

// The servers of a batch and the watch at them. What cannot be opened for a reason that lies in the subject is not
// asked, and its report says why.
Result<TalkBatch> open_batch(Node& far, const std::vector<TalkAcross>& talks, const std::vector<std::size_t>& members,
                             std::vector<ExchangeReport>& reports) {
  TalkBatch batch(far);
  std::vector<std::string> far_watch;
  for (const std::size_t i : members) {
    const auto port = batch.servers.open(talks[i].talk.server);
    if (!port) {
      if (!server_lies_in_the_subject(port.error())) return tl::unexpected(port.error());
      reports[i].system_errno = port.error().system_errno;
      reports[i].unserved_in = place_on(far.hello().node, talks[i].talk.server.network_namespace);
      continue;
    }
    reports[i].spec.port = *port;
    batch.asked.push_back(i);
    add_once(far_watch, talks[i].far_watch);
  }
  if (batch.asked.empty()) return batch;
  NETNS_LAB_ASSIGN(batch.watch, far.watch({.namespaces = std::move(far_watch), .port = batch.servers.port()}));
  return batch;
}

// What a batch's watch saw of those of its talks.
Result<void> add_far_sightings(Node& near, Node& far, const TalkBatch& batch, std::span<const std::size_t> members,
                               std::vector<ExchangeReport>& reports) {
  protocol::SightingsRequest question{.handle = batch.watch.handle, .probes = {}};
  for (const std::size_t i : members) {
    question.probes.push_back(far_probe_of(reports[i], reports[i].source_port));
  }
  NETNS_LAB_ASSIGN(const protocol::SightingsReply seen, far.sightings(question));
  for (const std::size_t i : members) {
    merge(reports[i], near.hello().node, far.hello().node, those_of(reports[i], seen.sightings));
    reports[i].capture_drops += seen.drops;
  }
  return {};
}

// All talks from one node to another, by batches. The client's node asks them in one request: it waits for those that
// get no answer side by side.
Result<void> talk_between(Node& near, Node& far, const std::vector<TalkAcross>& talks,
                          const std::vector<std::vector<std::size_t>>& members, Patience& patience,
                          std::vector<ExchangeReport>& reports) {
  std::vector<TalkBatch> batches;
  for (const std::vector<std::size_t>& some : members) {
    NETNS_LAB_ASSIGN(TalkBatch batch, open_batch(far, talks, some, reports));
    batches.push_back(std::move(batch));
  }
  for (TalkBatch& batch : batches) batch.rest = batch.asked;
  const auto cost = [&](std::size_t i) { return queued_bytes(reports[i].spec); };
  const auto is_done = [](const TalkBatch& batch) { return batch.rest.empty(); };
  while (!std::all_of(batches.begin(), batches.end(), is_done)) {
    protocol::ProbeRequest request;
    std::vector<std::span<const std::size_t>> sent;  // of each batch
    for (TalkBatch& batch : batches) {
      sent.push_back(is_done(batch) ? batch.rest : front_of(batch.rest, batch.watch.queue_bytes / 2, cost));
      batch.rest = batch.rest.subspan(sent.back().size());
      for (const std::size_t i : sent.back()) {
        request.exchanges.push_back(reports[i].spec);
        request.exchanges.back().reply_wait = patience.wait_of(reports[i].spec);
      }
    }
    NETNS_LAB_ASSIGN(protocol::ProbeReply reply, near.probe(std::move(request)));
    auto next = reply.exchanges.begin();
    for (std::size_t b = 0; b < batches.size(); ++b) {
      for (const std::size_t i : sent[b]) reports[i] = std::move(*next++);
      if (!sent[b].empty()) NETNS_LAB_TRY(add_far_sightings(near, far, batches[b], sent[b], reports));
    }
  }
  for (TalkBatch& batch : batches) {
    for (const std::size_t i : batch.asked) patience.note(reports[i]);
    if (!batch.asked.empty()) NETNS_LAB_TRY(far.close(batch.watch.handle));
    NETNS_LAB_TRY(batch.servers.close());
  }
  return {};
}

}  // namespace

std::string place_on(const std::string& node, const std::string& network_namespace) {
  return network_namespace.empty() ? node : network_namespace + " on " + node;
}

bool server_lies_in_the_subject(const Error& error) {
  constexpr int kErrnos[] = {ENOENT, ENOTTY, ENODEV, EADDRNOTAVAIL, EAFNOSUPPORT};
  return std::find(std::begin(kErrnos), std::end(kErrnos), error.system_errno) != std::end(kErrnos);
}

Result<std::vector<EchoReport>> ping_across(Subject& subject, const std::vector<EchoAcross>& echoes) {
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::size_t>> batches;
  for (std::size_t i = 0; i < echoes.size(); ++i) batches[{echoes[i].from, echoes[i].to}].push_back(i);
  std::vector<EchoReport> reports(echoes.size());
  EchoPatience patience;
  for (const auto& [ends, members] : batches) {
    std::vector<EchoSpec> specs;
    std::vector<std::string> far_watch;
    for (const std::size_t i : members) {
      specs.push_back(echoes[i].spec);
      add_once(far_watch, echoes[i].far_watch);
    }
    NETNS_LAB_ASSIGN(std::vector<EchoReport> some,
                     ping_between(subject, ends.first, ends.second, specs, std::move(far_watch), patience));
    for (std::size_t i = 0; i < members.size(); ++i) reports[members[i]] = std::move(some[i]);
  }
  return reports;
}

Result<std::vector<ExchangeReport>> talk_across(Subject& subject, const std::vector<TalkAcross>& talks) {
  // A batch for each client and server: a port that the kernel chose for one server may be taken for another.
  using Ends = std::pair<std::size_t, std::size_t>;
  // One that may be translated is known by its server alone: it has one of its own.
  using BatchKey = std::tuple<std::string, std::string, Transport, std::size_t>;
  std::map<Ends, std::map<BatchKey, std::vector<std::size_t>>> groups;
  std::vector<ExchangeReport> reports(talks.size());
  for (std::size_t i = 0; i < talks.size(); ++i) {
    const Talk& talk = talks[i].talk;
    reports[i].spec = talk.client;
    groups[{talks[i].from, talks[i].to}][{talk.client.network_namespace, talk.server.network_namespace,
                                          talk.server.transport, talk.client.may_be_translated ? i + 1 : 0}]
        .push_back(i);
  }
  Patience patience;
  for (const auto& [ends, batches] : groups) {
    NETNS_LAB_ASSIGN(Node* const client, end_of(subject, ends.first));
    NETNS_LAB_ASSIGN(Node* const server, end_of(subject, ends.second));
    std::vector<std::vector<std::size_t>> members;
    for (const auto& [key, some] : batches) members.push_back(some);
    NETNS_LAB_TRY(talk_between(*client, *server, talks, members, patience, reports));
  }
  return reports;
}

}  // namespace netns_lab
