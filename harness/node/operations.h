// Every operation of a node, by name. To add one: a struct in protocol/messages.h, a function here and a line in the
// table.
#pragma once

#include "harness/node/operation.h"

namespace netns_lab::node {

OperationTable all_operations();

// operations.cc
Result<protocol::HelloReply> hello(OperationContext& context, const protocol::HelloRequest& request);
Result<protocol::Empty> shut_down(OperationContext& context, const protocol::ShutdownRequest& request);
// operations_network.cc
Result<protocol::Empty> claim(OperationContext& context, const protocol::ClaimRequest& request);
Result<protocol::Empty> apply(OperationContext& context, const protocol::ApplyRequest& request);
Result<Snapshot> snapshot(OperationContext& context, const protocol::SnapshotRequest& request);
Result<protocol::AwaitReply> await(OperationContext& context, const protocol::AwaitRequest& request);
Result<protocol::LookupReply> look_up(OperationContext& context, const protocol::LookupRequest& request);
// operations_probe.cc
Result<protocol::ProbeReply> probe_all(OperationContext& context, const protocol::ProbeRequest& request);
Result<MeshReport> mesh(OperationContext& context, const protocol::MeshRequest& request);
Result<protocol::ServeReply> serve(OperationContext& context, const protocol::ServeRequest& request);
Result<protocol::HandleReply> capture(OperationContext& context, const protocol::CaptureRequest& request);
Result<protocol::WatchReply> watch(OperationContext& context, const protocol::WatchRequest& request);
Result<protocol::HandleReply> trace(OperationContext& context, const protocol::TraceRequest& request);
Result<protocol::VerdictsReply> verdicts(OperationContext& context, const protocol::VerdictsRequest& request);
Result<protocol::SightingsReply> sightings(OperationContext& context, const protocol::SightingsRequest& request);
// operations_command.cc
Result<protocol::HandleReply> run(OperationContext& context, const protocol::RunRequest& request);
Result<protocol::ReadReply> read(OperationContext& context, const protocol::ReadRequest& request);
Result<protocol::Empty> write(OperationContext& context, const protocol::WriteRequest& request);
Result<protocol::Empty> close(OperationContext& context, const protocol::CloseRequest& request);
Result<protocol::Empty> put(OperationContext& context, const protocol::PutRequest& request);

}  // namespace netns_lab::node
