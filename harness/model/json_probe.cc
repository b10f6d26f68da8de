// What probes are asked and what they report; the latter as bytes too.
#include "harness/model/json.h"
#include "harness/model/json_support.h"
#include "harness/model/packed.h"
#include "harness/model/packed_support.h"

namespace netns_lab {

namespace packed_support {
template <>
struct Packing<SightingKind> : Closed<SightingKind, SightingKind::kOther> {};
template <>
struct Packing<PacketDirection> : Closed<PacketDirection, PacketDirection::kSent> {};
template <>
struct Packing<Transport> : Closed<Transport, Transport::kTcp> {};
}  // namespace packed_support

NETNS_LAB_JSON_PACKED(EchoSpec, network_namespace, destination, source, link, count, interval, window, payload_size,
                      dont_fragment, ttl, reply_wait, watch, identifier, may_be_translated);
NETNS_LAB_JSON_PACKED(EchoReply, source, arrival_link, ttl, round_trip, payload_intact, payload_size);
NETNS_LAB_JSON_PACKED(IcmpProblem, from, type, code, mtu, about_destination, local);
NETNS_LAB_JSON_PACKED(Echo, sequence, send_errno, reply, duplicates, late, slow, problems);

NETNS_LAB_JSON_ENUM(SightingKind, SightingKind::kRequest, SightingKind::kReply, SightingKind::kProblem,
                    SightingKind::kArp, SightingKind::kNeighbourDiscovery, SightingKind::kUdp, SightingKind::kTcp,
                    SightingKind::kOther);
NETNS_LAB_JSON_ENUM(PacketDirection, PacketDirection::kReceived, PacketDirection::kSent);
NETNS_LAB_JSON_PACKED(Sighting, network_namespace, link, direction, kind, link_source, link_destination, source,
                      destination, ttl, identifier, sequence, advertised, payload_size, payload_intact, fragments, time,
                      sent_as);
NETNS_LAB_JSON_PACKED(EchoReport, spec, identifier, payload_seed, source, echoes, sightings, foreign_replies,
                      capture_drops, open_errno, open_text, starved);

NETNS_LAB_JSON_ENUM(Transport, Transport::kUdp, Transport::kTcp);
NETNS_LAB_JSON(ServeSpec, network_namespace, transport, address, port, only_from);
NETNS_LAB_JSON_PACKED(ExchangeSpec, network_namespace, transport, destination, port, source, payload_size, count,
                      reply_wait, watch, source_port, may_be_translated);
NETNS_LAB_JSON_PACKED(ExchangeReport, spec, system_errno, sent, answered, payload_seed, payload_intact, source,
                      source_port, sightings, capture_drops, starved, unserved_in);

NETNS_LAB_JSON(MeshMember, network_namespace, link, address);
NETNS_LAB_JSON(MeshSpec, members, window, reply_wait, first_round, at_most, lossy_rounds);
NETNS_LAB_JSON_ENUM(MeshLoss, MeshLoss::kAbsent, MeshLoss::kNotSent, MeshLoss::kNotArrived, MeshLoss::kNotAnswered,
                    MeshLoss::kWrong, MeshLoss::kTwice);
NETNS_LAB_JSON(MeshGap, from, first, last, loss, send_errno);
NETNS_LAB_JSON(MeshReport, pairs, answered, gaps, rounds, lossy_rounds, is_complete, repeated, backlog_drops,
               queue_drops, is_uncertain, strangers, entries, asking);

namespace {

template <typename Report>
Result<std::vector<Report>> take_reports(std::string_view& bytes) {
  packed_support::Unpacker in(bytes);
  std::vector<Report> reports;
  packed_support::take_all(in, reports);
  if (in.failed()) {
    return tl::unexpected(Error::internal("read what a probe saw", "its bytes end too early, or are none of ours"));
  }
  bytes = in.rest();
  return reports;
}

}  // namespace

void append_packed(const std::vector<EchoReport>& reports, std::string& bytes) {
  packed_support::put_all(bytes, reports);
}
void append_packed(const std::vector<ExchangeReport>& reports, std::string& bytes) {
  packed_support::put_all(bytes, reports);
}
Result<std::vector<EchoReport>> take_packed_echoes(std::string_view& bytes) { return take_reports<EchoReport>(bytes); }
Result<std::vector<ExchangeReport>> take_packed_exchanges(std::string_view& bytes) {
  return take_reports<ExchangeReport>(bytes);
}

}  // namespace netns_lab
