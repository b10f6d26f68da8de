#include "harness/protocol/json.h"

namespace netns_lab::protocol {
namespace {

using How = CommandEnd::How;

const char* name_of(How how) {
  switch (how) {
    case How::kExited:
      return "exited";
    case How::kSignalled:
      return "signalled";
    case How::kTimedOut:
      return "timed-out";
    case How::kNotStarted:
      return "not-started";
  }
  return "exited";
}

}  // namespace

NETNS_LAB_JSON_EMPTY(Empty);
NETNS_LAB_JSON(HelloReply, build, provider, node, host_name, kernel, uplink, uplink_addresses, outside_addresses, lost,
               descriptors);
NETNS_LAB_JSON(HelloRequest, build);
NETNS_LAB_JSON(ClaimRequest, namespaces, links, addresses, keep, nft_tables);
NETNS_LAB_JSON(ApplyRequest, changes);
NETNS_LAB_JSON(SnapshotRequest, options, first);
NETNS_LAB_JSON(AwaitRequest::LinkState, network_namespace, link, present, operational, link_local, settled);
NETNS_LAB_JSON(AwaitRequest, links, absent_namespaces, limit_ms);
NETNS_LAB_JSON(AwaitReply, late_ms);
NETNS_LAB_JSON(LookupReply, answers);
NETNS_LAB_JSON(LookupRequest, queries);
NETNS_LAB_JSON(ProbeReply, echoes, exchanges);
NETNS_LAB_JSON(ProbeRequest, echoes, exchanges, lanes, last);
NETNS_LAB_JSON(MeshRequest, spec);
NETNS_LAB_JSON(ServeReply, handle, port);
NETNS_LAB_JSON(ServeRequest, spec);
NETNS_LAB_JSON(HandleReply, handle);
NETNS_LAB_JSON(CaptureRequest, network_namespace, link);
NETNS_LAB_JSON(WatchReply, handle, queue_bytes);
NETNS_LAB_JSON(WatchRequest, namespaces, port);
NETNS_LAB_JSON(FarProbe, identifier, payload_seed, payload_size, count, may_be_translated, destination);
NETNS_LAB_JSON(SightingsReply, sightings, drops);
NETNS_LAB_JSON(SightingsRequest, handle, probes);
NETNS_LAB_JSON(TraceRequest, namespaces, addresses, length);
NETNS_LAB_JSON(VerdictsReply, verdicts, incomplete, drops);
NETNS_LAB_JSON(VerdictsRequest, handle);
NETNS_LAB_JSON(RunRequest, argv, environment, working_directory, network_namespace, standard_input, keep_input_open,
               terminal, rows, columns, time_limit, output_limit, daemons);
NETNS_LAB_JSON(CommandEnd, how, code, reason, dropped, descendants_left, duration, descendants);
NETNS_LAB_JSON(ReadReply, output_bytes, error_bytes, end, command, drops);
NETNS_LAB_JSON(ReadRequest, handle, maximum, wait);
NETNS_LAB_JSON(WriteRequest, handle, end, rows, columns, signal);
NETNS_LAB_JSON(CloseRequest, handle);
NETNS_LAB_JSON(PutRequest, path, mode);
NETNS_LAB_JSON(CancelRequest, id);
NETNS_LAB_JSON_EMPTY(ShutdownRequest);

void to_json(nlohmann::json& out, const CommandEnd::How& value) { out = name_of(value); }
void from_json(const nlohmann::json& in, CommandEnd::How& value) {
  for (const How known : {How::kExited, How::kSignalled, How::kTimedOut, How::kNotStarted}) {
    if (in == name_of(known)) {
      value = known;
      return;
    }
  }
  json_support::fail_expected("one of exited, signalled, timed-out, not-started", in);
}

}  // namespace netns_lab::protocol
