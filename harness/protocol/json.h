// The operations of messages.h as JSON, in the words of model/json_support.h. Bytes are no JSON: the contents of a file
// (`put`), what is read and written, and a command's standard input travel as the frame's raw bytes.
#pragma once

#include "harness/model/json_support.h"
#include "harness/protocol/messages.h"

namespace netns_lab::protocol {

NETNS_LAB_JSON_DECLARE(Empty);
NETNS_LAB_JSON_DECLARE(HelloReply);
NETNS_LAB_JSON_DECLARE(HelloRequest);
NETNS_LAB_JSON_DECLARE(ClaimRequest);
NETNS_LAB_JSON_DECLARE(ApplyRequest);
NETNS_LAB_JSON_DECLARE(SnapshotRequest);
NETNS_LAB_JSON_DECLARE(AwaitRequest::LinkState);
NETNS_LAB_JSON_DECLARE(AwaitRequest);
NETNS_LAB_JSON_DECLARE(AwaitReply);
NETNS_LAB_JSON_DECLARE(LookupReply);
NETNS_LAB_JSON_DECLARE(LookupRequest);
NETNS_LAB_JSON_DECLARE(ProbeReply);
NETNS_LAB_JSON_DECLARE(ProbeRequest);
NETNS_LAB_JSON_DECLARE(MeshRequest);
NETNS_LAB_JSON_DECLARE(ServeReply);
NETNS_LAB_JSON_DECLARE(ServeRequest);
NETNS_LAB_JSON_DECLARE(HandleReply);
NETNS_LAB_JSON_DECLARE(CaptureRequest);
NETNS_LAB_JSON_DECLARE(WatchReply);
NETNS_LAB_JSON_DECLARE(WatchRequest);
NETNS_LAB_JSON_DECLARE(FarProbe);
NETNS_LAB_JSON_DECLARE(SightingsReply);
NETNS_LAB_JSON_DECLARE(SightingsRequest);
NETNS_LAB_JSON_DECLARE(TraceRequest);
NETNS_LAB_JSON_DECLARE(VerdictsReply);
NETNS_LAB_JSON_DECLARE(VerdictsRequest);
NETNS_LAB_JSON_DECLARE(RunRequest);  // sent with an empty standard_input: it travels raw
NETNS_LAB_JSON_DECLARE(CommandEnd::How);
NETNS_LAB_JSON_DECLARE(CommandEnd);
NETNS_LAB_JSON_DECLARE(ReadReply);
NETNS_LAB_JSON_DECLARE(ReadRequest);
NETNS_LAB_JSON_DECLARE(WriteRequest);
NETNS_LAB_JSON_DECLARE(CloseRequest);
NETNS_LAB_JSON_DECLARE(PutRequest);
NETNS_LAB_JSON_DECLARE(CancelRequest);
NETNS_LAB_JSON_DECLARE(ShutdownRequest);

}  // namespace netns_lab::protocol
